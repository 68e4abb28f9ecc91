// SPDX-License-Identifier: Apache-2.0
//
// Runs the clip plugin's own code on pictures and texts from files, for test_parity.py to compare
// with transformers.
//
//   clip_parity_tool FOLDER PICTURES TEXTS OUTPUT [--dtype D] [--engine E] [--alone] [--classes]
//   [--apart]
//
// PICTURES: a safetensors file of uint8, height x width x channels, taken in the order of their
// names; "-": none. TEXTS: a JSON list; "-": none. OUTPUT: a safetensors file with "pictures" and
// "texts", float32 of n x width, not normalised, "scale", the logit scale, "bias" where there is
// one, and with --classes "classes", how probable each text is of each picture. --alone runs each
// in a pass of its own, --apart on the device of tests/plugins/common/apart.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "clip/embedder.h"
#include "clip/request.h"
#include "common/safetensors.h"
#include "tests/plugins/common/apart/device.h"
#include "tests/plugins/common/save_tensors.h"

namespace {

using darkroom::clip::Embedder;

template <typename Item, typename Embed>
at::Tensor Run(const std::vector<Item>& items, bool alone, const Embed& embed) {
  if (!alone) return embed(items);
  std::vector<at::Tensor> rows;
  for (const Item& item : items) rows.push_back(embed(std::vector<Item>{item}));
  return at::cat(rows);
}

int Main(int argc, char** argv) {
  if (argc < 5)
    throw std::runtime_error("usage: clip_parity_tool FOLDER PICTURES TEXTS OUTPUT ...");
  darkroom::nn::Placement placement;
  std::string dtype = "auto";
  std::string engine = "auto";
  bool alone = false;
  bool classes = false;
  for (int i = 5; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--alone") {
      alone = true;
    } else if (option == "--classes") {
      classes = true;
    } else if (option == "--apart") {
      placement.device = darkroom::apart::Device();
    } else if (option == "--dtype" && i + 1 < argc) {
      dtype = argv[++i];
    } else if (option == "--engine" && i + 1 < argc) {
      engine = argv[++i];
    } else {
      throw std::runtime_error("unknown option " + option);
    }
  }
  const c10::InferenceMode inference;
  placement.dtype = darkroom::nn::ChooseDtype(dtype, placement.device, at::kFloat);
  placement.engine = darkroom::nn::ChooseEngine(engine, placement.device, placement.dtype);
  Embedder embedder(darkroom::Checkpoint::Open(argv[1]), placement);
  std::printf("%s\n", embedder.network().Describe().c_str());

  const auto go_on = [] {};
  std::map<std::string, at::Tensor> output;
  const darkroom::clip::Network& network = embedder.network();
  output["scale"] = at::full({1}, network.logit_scale, at::kFloat);
  if (network.logit_bias) output["bias"] = at::full({1}, *network.logit_bias, at::kFloat);
  if (const std::string path = argv[2]; path != "-") {
    const auto file = darkroom::Safetensors::Open(path);
    std::vector<at::Tensor> pictures;
    for (const auto& [name, picture] : file.tensors()) pictures.push_back(picture);
    output["pictures"] = Run(pictures, alone, [&](const std::vector<at::Tensor>& some) {
      return embedder.Pictures(some, go_on);
    });
  }
  if (const std::string path = argv[3]; path != "-") {
    std::ifstream stream(path);
    const auto texts = nlohmann::json::parse(stream).get<std::vector<std::string>>();
    output["texts"] = Run(texts, alone, [&](const std::vector<std::string>& some) {
      return embedder.Texts(some, go_on);
    });
  }
  if (classes) {
    darkroom::clip::Request request;
    request.operation = darkroom::clip::Operation::kClassify;
    output["classes"] = Finish(request, output["pictures"], output["texts"], network.logit_scale,
                               network.logit_bias);
  }
  darkroom::SaveTensors(argv[4], output);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "clip_parity_tool: %s\n", error.what());
    return 1;
  }
}
