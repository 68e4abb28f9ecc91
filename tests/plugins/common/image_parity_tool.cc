// SPDX-License-Identifier: Apache-2.0
//
// Runs the library's image operations on pictures from a file, for test_image_parity.py to compare
// with Pillow and transformers.
//
//   image_parity_tool process FOLDER INPUT OUTPUT        as the files in FOLDER say
//   image_parity_tool resize FILTER HEIGHT WIDTH INPUT OUTPUT
//
// INPUT and OUTPUT are safetensors files; each tensor of INPUT, uint8 of height x width x channels,
// gives one of the same name in OUTPUT.

#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

#include "common/image/image_processor.h"
#include "common/image/resize.h"
#include "common/safetensors.h"
#include "tests/plugins/common/save_tensors.h"

namespace {

using darkroom::Filter;

at::Tensor Resize(const at::Tensor& picture, Filter filter, int64_t height, int64_t width) {
  const int64_t channels = picture.size(2);
  at::Tensor out = at::empty({height, width, channels}, at::kByte);
  darkroom::Resizer resizer(
      filter, picture.size(0), picture.size(1),
      {out.mutable_data_ptr<uint8_t>(), height, width, channels, channels, width * channels});
  for (int64_t y = 0; y < picture.size(0); ++y)
    resizer.Push(picture.const_data_ptr<uint8_t>() + y * picture.size(1) * channels, channels);
  return out;
}

Filter FilterOf(const std::string& name) {
  if (name == "box") return Filter::kBox;
  if (name == "bilinear") return Filter::kBilinear;
  if (name == "hamming") return Filter::kHamming;
  if (name == "bicubic") return Filter::kBicubic;
  if (name == "lanczos") return Filter::kLanczos;
  throw std::runtime_error("no filter " + name);
}

int Run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (!(what == "process" && argc == 5) && !(what == "resize" && argc == 7))
    throw std::runtime_error("usage: image_parity_tool process|resize ... INPUT OUTPUT");
  const auto input = darkroom::Safetensors::Open(argv[argc - 2]);
  std::map<std::string, at::Tensor> output;
  if (what == "process") {
    const darkroom::ImageProcessor processor(
        darkroom::ReadImageProcessing(std::string(argv[2]), "CLIP"));
    for (const auto& [name, picture] : input.tensors()) output.emplace(name, processor(picture));
  } else {
    for (const auto& [name, picture] : input.tensors())
      output.emplace(name,
                     Resize(picture, FilterOf(argv[2]), std::atoll(argv[3]), std::atoll(argv[4])));
  }
  darkroom::SaveTensors(argv[argc - 1], output);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "image_parity_tool: %s\n", error.what());
    return 1;
  }
}
