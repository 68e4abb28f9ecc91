// SPDX-License-Identifier: Apache-2.0
//
// Runs the inpaint plugin's networks on tensors from a file, for test_parity.py to compare with
// PyTorch.
//
//   inpaint_parity_tool WEIGHTS INPUT OUTPUT [--apart]
//
// WEIGHTS: safetensors of LaMa, or a TorchScript archive. INPUT and OUTPUT: safetensors; for each
// pair NAME.picture (1 x 3 x H x W) and NAME.mask (1 x 1 x H x W) of INPUT there is NAME in OUTPUT.
// --apart: on the device of tests/plugins/common/apart.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <string>

#include "common/checkpoint.h"
#include "common/program/program.h"
#include "inpaint/lama.h"
#include "tests/plugins/common/apart/device.h"
#include "tests/plugins/common/save_tensors.h"

namespace {

using darkroom::Checkpoint;
using darkroom::Safetensors;
using darkroom::inpaint::Lama;

}  // namespace

int main(int argc, char** argv) {
  const bool is_apart = argc == 5 && std::string(argv[4]) == "--apart";
  if (argc != 4 && !is_apart) {
    std::fprintf(stderr, "usage: inpaint_parity_tool WEIGHTS INPUT OUTPUT [--apart]\n");
    return 2;
  }
  try {
    const c10::InferenceMode guard;
    const at::Device device = is_apart ? darkroom::apart::Device() : at::Device(at::kCPU);
    const Lama lama(Checkpoint::Open(argv[1]), {.device = device});
    const Safetensors input = Safetensors::Open(argv[2]);
    std::map<std::string, at::Tensor> output;
    const std::string suffix = ".picture";
    for (const auto& [name, picture] : input.tensors()) {
      if (!name.ends_with(suffix)) continue;
      const std::string stem = name.substr(0, name.size() - suffix.size());
      const at::Tensor mask = input.tensors().at(stem + ".mask");
      output[stem] = lama.Fill(picture.to(device), mask.to(device)).cpu().contiguous();
    }
    darkroom::SaveTensors(argv[3], output);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
