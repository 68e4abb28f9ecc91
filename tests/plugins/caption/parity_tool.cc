// SPDX-License-Identifier: Apache-2.0
//
// Runs the captioner on pictures from a file, for test_parity.py and bench/caption to compare with
// transformers.
//
//   caption_parity_tool CHECKPOINT REQUESTS [--engine E] [--dtype D] [--threads N]
//
// REQUESTS is a JSON file: a list of batches, each a list of requests {"picture": a file of height
// x width x channels bytes, "shape", "params": as a job's}. Prints a JSON line for each batch: a
// list of {"tokens", "text", "confidence", ...}, or {"error"}. A batch that holds {"repeat": N} is
// run so often, and the times are told: {"captions": the list, "seconds": [...]}.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <darkroom/plugin.hpp>
#include <exception>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "caption/captioner.h"
#include "caption/params.h"

namespace {

using Json = nlohmann::json;
using darkroom::Captioner;

at::Tensor ReadPicture(const Json& request) {
  std::ifstream file(request.at("picture").get<std::string>(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto shape = request.at("shape").get<std::vector<int64_t>>();
  at::Tensor picture = at::empty(shape, at::kByte);
  if (bytes.size() != picture.nbytes()) throw std::runtime_error("a picture of another size");
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(picture.mutable_data_ptr()));
  return picture;
}

darkroom::CaptionRequest ReadRequest(const Json& request, const Captioner& captioner) {
  const auto params = darkroom::ParseCaptionParams(request.value("params", Json::object()).dump(),
                                                   {}, captioner.defaults());
  darkroom::CaptionRequest out;
  out.picture = ReadPicture(request);
  out.prompt = params.prompt;
  out.settings = params.settings;
  out.settings.min_new_tokens = request.value("min_new_tokens", int64_t{0});
  out.stop = params.stop;
  out.max_words = params.max_words;
  if (request.contains("cancel_after"))
    out.on_token = [most = request["cancel_after"].get<int64_t>()](int64_t tokens) {
      return tokens < most;
    };
  return out;
}

Json RunBatch(const Captioner& captioner, const Json& batch) {
  std::vector<darkroom::CaptionRequest> requests;
  int64_t repeat = 1;
  for (const Json& one : batch) {
    if (one.contains("repeat")) {
      repeat = one["repeat"].get<int64_t>();
      continue;
    }
    requests.push_back(ReadRequest(one, captioner));
    captioner.Check(requests.back());
  }
  std::vector<darkroom::Caption> captions;
  std::vector<double> seconds;
  for (int64_t i = 0; i < repeat; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    captions = captioner.Run(requests);
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  Json answer = Json::array();
  for (const darkroom::Caption& caption : captions)
    answer.push_back({{"tokens", caption.written.tokens},
                      {"text", caption.text},
                      {"confidence", caption.written.Confidence()},
                      {"log_probability", caption.written.log_probability},
                      {"cancelled", caption.written.cancelled}});
  if (repeat > 1) return {{"seconds", seconds}, {"captions", answer}};
  return answer;
}

void Run(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0)
    throw std::runtime_error("usage: caption_parity_tool CHECKPOINT REQUESTS ...");
  std::string engine = "auto";
  std::string dtype = "auto";
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--engine") {
      engine = argv[i + 1];
    } else if (option == "--dtype") {
      dtype = argv[i + 1];
    } else if (option == "--threads") {
      at::set_num_threads(std::atoi(argv[i + 1]));
    } else {
      throw std::runtime_error("unknown option " + option);
    }
  }
  const c10::InferenceMode inference;
  darkroom::nn::Placement placement;
  placement.dtype = darkroom::nn::ChooseDtype(dtype, placement.device);
  placement.engine = darkroom::nn::ChooseEngine(engine, placement.device, placement.dtype);
  const auto checkpoint = darkroom::Checkpoint::Open(argv[1]);
  const Captioner captioner(checkpoint, placement);
  std::fprintf(stderr, "%s\n", captioner.Describe().c_str());
  std::ifstream file(argv[2]);
  for (const Json& batch : Json::parse(file)) {
    Json answer;
    try {
      answer = RunBatch(captioner, batch);
    } catch (const darkroom::Error& error) {
      answer = {{"error", error.what()}};
    }
    std::printf("%s\n", answer.dump(-1, ' ', true, Json::error_handler_t::replace).c_str());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "caption_parity_tool: %s\n", error.what());
    return 1;
  }
}
