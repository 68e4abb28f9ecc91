// SPDX-License-Identifier: Apache-2.0
//
// Adds LoRAs to a denoising network of Stable Diffusion XL in place for bench/sdxl_loras/run.py.
//
//   sdxl_loras_runner FOLDER DTYPE ENGINE RANK
//
// Loads the network, then adds a LoRA of random matrices to all of its layers, another one in its
// place, and takes that away; last it makes a second network with the first LoRA, as copies are
// made. Of each it prints a line NAME SECONDS CPU_SECONDS LAYERS HELD_KIB GREW_KIB: the wall's
// time, that of all processors, how many layers were made, what of memory is the process's own and
// no file's afterwards, and by how much that and the file's pages were more at most than before.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "common/placed_layers.h"
#include "sdxl/folder.h"
#include "sdxl/lora.h"
#include "sdxl/unet.h"

namespace {

namespace sdxl = darkroom::sdxl;

int64_t StatusKib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kib = 0;
  while (status >> word)
    if (word == field + ":") status >> kib;
  return kib;
}

template <typename Action>
void Report(const char* name, const darkroom::PlacedLayers& layers, const Action& action) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak is from now on
  const int64_t before = StatusKib("VmRSS");
  const uint64_t made = layers.made();
  const std::clock_t cpu = std::clock();
  const auto begin = std::chrono::steady_clock::now();
  action();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << name << " " << seconds << " "
            << static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC << " "
            << layers.made() - made << " " << StatusKib("RssAnon") << " "
            << StatusKib("VmHWM") - before << std::endl;
}

sdxl::LoraSet RandomSet(const darkroom::PlacedLayers& layers, int64_t rank, const char* name) {
  const auto file = std::make_shared<sdxl::LoraFile>();
  for (const auto& [tensor, weight] : layers.checkpoint().tensors()) {
    if (weight.dim() < 2 || !layers.Has(tensor)) continue;
    const int64_t inputs = weight.numel() / weight.size(0);
    file->parts["unet"][tensor] = {at::randn({rank, inputs}, at::kHalf),
                                   at::randn({weight.size(0), rank}, at::kHalf), 1e-3};
  }
  return sdxl::LoraSet({{name, file, 1.0}});
}

void Run(const std::string& path, const std::string& dtype, const std::string& engine,
         int64_t rank) {
  const c10::InferenceMode inference;
  darkroom::nn::Placement placement;
  placement.dtype = darkroom::nn::ChooseDtype(dtype, placement.device);
  placement.engine = darkroom::nn::ChooseEngine(engine, placement.device, placement.dtype);
  const sdxl::Folder folder = sdxl::Folder::Open(path, placement.dtype != at::kFloat);
  const sdxl::UNetConfig config = sdxl::ReadUNetConfig(folder.Config("unet"));
  darkroom::PlacedLayers layers(folder.OpenWeights("unet"), placement.device, placement.Copies());
  std::unique_ptr<sdxl::UNet> unet;
  Report("load", layers, [&] {
    unet = std::make_unique<sdxl::UNet>(layers.checkpoint(), config, placement, &layers);
  });
  const sdxl::LoraSet first = RandomSet(layers, rank, "first");
  const sdxl::LoraSet second = RandomSet(layers, rank, "second");
  Report("add", layers, [&] { layers.Use(first.Of("unet")); });
  Report("switch", layers, [&] { layers.Use(second.Of("unet")); });
  Report("remove", layers, [&] { layers.Use(nullptr); });
  std::unique_ptr<sdxl::UNet> copy;
  Report("copy", layers, [&] {
    copy = std::make_unique<sdxl::UNet>(sdxl::WithLoras(folder, first).OpenWeights("unet"), config,
                                        placement);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: sdxl_loras_runner FOLDER DTYPE ENGINE RANK\n");
    return 2;
  }
  try {
    Run(argv[1], argv[2], argv[3], std::stoll(argv[4]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sdxl_loras_runner: %s\n", error.what());
    return 1;
  }
}
