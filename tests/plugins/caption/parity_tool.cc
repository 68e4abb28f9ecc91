// SPDX-License-Identifier: Apache-2.0
//
// Runs the captioner for test_parity.py to compare with transformers: one process for all of its
// tests, since to start libtorch takes longer than most of them.
//
//   caption_parity_tool
//
// Each line of its input is JSON, {"checkpoint": a folder, "engine", "batch"}; the batch is a list
// of requests {"picture": a file of height x width x channels bytes, "shape", "params": as a
// job's}. It answers each with a line: a list of {"tokens", "text", "confidence", ...}, or
// {"error"}.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdio>
#include <darkroom/plugin.hpp>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "caption/captioner.h"
#include "caption/params.h"
#include "tests/plugins/common/apart/device.h"

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
  for (const Json& one : batch) {
    requests.push_back(ReadRequest(one, captioner));
    captioner.Check(requests.back());
  }
  Json answer = Json::array();
  for (const darkroom::Caption& caption : captioner.Run(requests))
    answer.push_back({{"tokens", caption.written.tokens},
                      {"text", caption.text},
                      {"confidence", caption.written.Confidence()},
                      {"log_probability", caption.written.log_probability},
                      {"cancelled", caption.written.cancelled}});
  return answer;
}

std::unique_ptr<Captioner> Open(const Json& line) {
  darkroom::nn::Placement placement;
  if (line.value("device", "cpu") == "apart") placement.device = darkroom::apart::Device();
  placement.engine =
      darkroom::nn::ChooseEngine(line.value("engine", "auto"), placement.device, placement.dtype);
  const auto folder = line.at("checkpoint").get<std::string>();
  return std::make_unique<Captioner>(darkroom::Checkpoint::Open(folder), placement);
}

void Run() {
  const c10::InferenceMode inference;
  at::set_num_threads(1);  // so small networks are slower with more
  std::map<std::string, std::unique_ptr<Captioner>> opened;
  for (std::string text; std::getline(std::cin, text);) {
    const Json line = Json::parse(text);
    const std::string key = line.at("checkpoint").get<std::string>() + " " +
                            line.value("engine", "auto") + " " + line.value("device", "cpu");
    Json answer;
    try {
      if (!opened.contains(key)) opened[key] = Open(line);
      answer = RunBatch(*opened[key], line.at("batch"));
    } catch (const darkroom::Error& error) {
      if (opened[key] == nullptr) opened.erase(key);
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump(-1, ' ', true, Json::error_handler_t::replace) << std::endl;
  }
}

}  // namespace

int main() {
  try {
    Run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "caption_parity_tool: %s\n", error.what());
    return 1;
  }
}
