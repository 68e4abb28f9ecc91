// SPDX-License-Identifier: Apache-2.0
//
// Runs the enhance plugin's own code on tensors from a file, for test_parity.py to compare with
// PyTorch.
//
//   enhance_parity_tool WEIGHTS INPUT OUTPUT [--direct | --apart] [--scale S] [--tile T]
//                       [--padding P]
//
// INPUT and OUTPUT are safetensors files; each tensor of INPUT gives one of the same name in
// OUTPUT. Floats, 1 x 3 x H x W, go through the network alone; bytes, H x W x C, take the whole way
// of a picture. --direct takes ATen's convolutions in place of our own, --apart the
// device of tests/plugins/common/apart, and so those, too.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/safetensors.h"
#include "enhance/enhancer.h"
#include "enhance/network.h"
#include "tests/plugins/common/apart/device.h"

namespace {

using darkroom::EnhanceParams;
using darkroom::Enhancer;

void Save(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  nlohmann::json header = nlohmann::json::object();
  size_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.scalar_type() == at::kByte ? "U8" : "F32"},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {at, at + tensor.nbytes()}}};
    at += tensor.nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  char prefix[sizeof(length)];
  std::memcpy(prefix, &length, sizeof(length));
  std::ofstream file(path, std::ios::binary);
  file.write(prefix, sizeof(prefix)).write(text.data(), static_cast<std::streamsize>(length));
  for (const auto& [name, tensor] : tensors)
    file.write(static_cast<const char*>(tensor.const_data_ptr()),
               static_cast<std::streamsize>(tensor.nbytes()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

at::Tensor RunPicture(const Enhancer& enhancer, const at::Tensor& picture,
                      const EnhanceParams& params) {
  const auto size = enhancer.OutputSize({picture.size(0), picture.size(1)}, params.scale);
  at::Tensor output = at::empty({size.height, size.width, picture.size(2)}, at::kByte);
  enhancer.Run(picture, params, output, [](int64_t, int64_t) { return true; });
  return output;
}

int Run(int argc, char** argv) {
  if (argc < 4) throw std::runtime_error("usage: enhance_parity_tool WEIGHTS INPUT OUTPUT ...");
  darkroom::Placement placement;
  placement.engine = darkroom::Engine::kWinograd;
  EnhanceParams params;
  for (int i = 4; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--direct") {
      placement.engine = darkroom::Engine::kDirect;
      continue;
    }
    if (option == "--apart") {
      placement.device = darkroom::apart::Device();
      placement.engine = darkroom::Engine::kDirect;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(option + " needs a value");
    const char* value = argv[++i];
    if (option == "--scale") {
      params.scale = std::atof(value);
    } else if (option == "--tile") {
      params.tile = std::atoll(value);
    } else if (option == "--padding") {
      params.tile_padding = std::atoll(value);
    } else {
      throw std::runtime_error("unknown option " + option);
    }
  }
  const c10::InferenceMode inference;
  const auto weights = darkroom::Safetensors::Open(argv[1]);
  const auto input = darkroom::Safetensors::Open(argv[2]);
  const Enhancer enhancer(darkroom::LoadNetwork(weights, placement), placement);
  std::printf("%s\n", enhancer.network().Describe().c_str());
  std::map<std::string, at::Tensor> output;
  for (const auto& [name, tensor] : input.tensors())
    output.emplace(name, tensor.scalar_type() == at::kByte
                             ? RunPicture(enhancer, tensor, params)
                             : enhancer.network()
                                   .Forward(tensor.to(placement.device),
                                            {0, 0, tensor.size(2), tensor.size(3)})
                                   .cpu()
                                   .contiguous());
  Save(argv[3], output);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "enhance_parity_tool: %s\n", error.what());
    return 1;
  }
}
