// SPDX-License-Identifier: Apache-2.0
//
// Runs one network of Stable Diffusion XL for bench/sdxl/run.py.
//
//   sdxl_runner FOLDER (unet | vae) [DTYPE [PACKAGE SHA256]]
//
// Loads the network, or what `darkroom models compile` made of the denoising one, prints "ready",
// then for each line ROWS EDGE of its input makes one pass over latents of that edge (the denoising
// network a step, the autoencoder a decoding) and prints SECONDS PREPARED PEAK_RSS_KIB: PREPARED
// are the seconds of what is made once for a prompt. It fails if what a step makes is not finite.
// DTYPE: float32 if there is none. bench/sdxl/peer.py speaks the same.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "sdxl/compiled_unet.h"
#include "sdxl/denoisers.h"
#include "sdxl/folder.h"
#include "sdxl/vae.h"

namespace {

namespace sdxl = darkroom::sdxl;

// The most memory this process ever held at once.
int64_t PeakRssKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word)
    if (word == "VmHWM:") {
      int64_t kib = 0;
      status >> kib;
      return kib;
    }
  return 0;
}

template <typename Action>
double Seconds(const Action& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void Run(const std::string& path, const std::string& part, const std::string& dtype,
         const std::vector<sdxl::CompiledFile>& compiled) {
  const c10::InferenceMode inference;
  darkroom::nn::Placement placement;
  placement.dtype = darkroom::nn::ChooseDtype(dtype, placement.device);
  placement.engine = darkroom::nn::ChooseEngine("auto", placement.device, placement.dtype);
  const sdxl::Folder folder = sdxl::Folder::Open(path, placement.dtype != at::kFloat);
  const auto config = folder.Config(part);
  std::unique_ptr<sdxl::Denoisers> unet;
  std::unique_ptr<sdxl::Vae> vae;
  if (part == "unet")
    unet = std::make_unique<sdxl::Denoisers>(folder, placement, compiled, sdxl::Reserve());
  else
    vae = std::make_unique<sdxl::Vae>(folder.OpenWeights(part), sdxl::ReadVaeConfig(config),
                                      placement);
  std::cout << "ready" << std::endl;
  int64_t rows = 0;
  int64_t edge = 0;
  while (std::cin >> rows >> edge) {
    double prepared = 0;
    double seconds = 0;
    if (unet) {
      const sdxl::UNetConfig& shape = unet->config();
      const auto draw = [&](at::IntArrayRef sizes) { return at::randn(sizes, placement.dtype); };
      const at::Tensor text = draw({rows, 77, shape.stages.back().context});
      const at::Tensor pooled = draw({rows, shape.added_width - 6 * shape.added_wave_width});
      const at::Tensor latents = draw({rows, shape.in_channels, edge, edge});
      at::Tensor output;
      sdxl::Condition condition;
      const sdxl::Denoiser& network = unet->For(edge, edge, rows);
      TORCH_CHECK(network.identity().empty() == compiled.empty(), "the package is of another size");
      prepared = Seconds([&] { condition = network.Prepare(text, pooled, at::zeros({rows, 6})); });
      seconds = Seconds([&] { output = network(latents, at::full({rows}, 500.0), condition, {}); });
      TORCH_CHECK(at::isfinite(output).all().item<bool>(), "what a step makes is not finite");
    } else {
      const at::Tensor latents = at::randn({rows, vae->config().latent_channels, edge, edge});
      seconds = Seconds([&] { vae->Decode(latents); });
    }
    std::cout << seconds << " " << prepared << " " << PeakRssKib() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4 && argc != 6) {
    std::fprintf(stderr, "usage: sdxl_runner FOLDER (unet | vae) [DTYPE [PACKAGE SHA256]]\n");
    return 2;
  }
  try {
    std::vector<sdxl::CompiledFile> compiled;
    if (argc == 6) compiled.push_back({argv[4], argv[5]});
    Run(argv[1], argv[2], argc > 3 ? argv[3] : "float32", compiled);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sdxl_runner: %s\n", error.what());
    return 1;
  }
}
