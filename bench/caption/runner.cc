// SPDX-License-Identifier: Apache-2.0
//
// Runs the caption plugin's captioner for bench/caption/run.py.
//
//   caption_runner CHECKPOINT
//
// Loads the model, prints "ready", then for each line PICTURES BEAMS TOKENS of its input describes
// so many pictures together and prints SECONDS TOKENS PEAK_RSS_KIB, the tokens being those of all
// texts. bench/caption/peer.py speaks the same.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "caption/captioner.h"

namespace {

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

void Run(const char* folder) {
  const c10::InferenceMode inference;
  darkroom::nn::Placement placement;
  placement.engine = darkroom::nn::ChooseEngine("auto", placement.device, placement.dtype);
  const darkroom::Captioner captioner(darkroom::Checkpoint::Open(folder), placement);
  std::cout << "ready" << std::endl;
  int64_t pictures = 0;
  int64_t beams = 0;
  int64_t tokens = 0;
  while (std::cin >> pictures >> beams >> tokens) {
    std::vector<darkroom::CaptionRequest> requests;
    for (int64_t at = 0; at < pictures; ++at) {
      darkroom::CaptionRequest request;
      request.picture = at::randint(0, 256, {480, 640, 3}, at::kByte);
      request.settings = captioner.defaults();
      request.settings.max_new_tokens = tokens;
      request.settings.beams = beams;
      requests.push_back(request);
    }
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<darkroom::Caption> captions = captioner.Run(requests);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    size_t written = 0;
    for (const darkroom::Caption& caption : captions) written += caption.written.tokens.size();
    std::cout << took.count() << " " << written << " " << PeakRssKib() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: caption_runner CHECKPOINT\n");
    return 2;
  }
  try {
    Run(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "caption_runner: %s\n", error.what());
    return 1;
  }
}
