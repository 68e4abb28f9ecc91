// SPDX-License-Identifier: Apache-2.0
//
// Runs the enhance plugin for bench/enhance/run.py.
//
//   enhance_runner PLUGIN CONFIG
//
// Loads the model, prints "ready", then for each line HEIGHT WIDTH of its input runs one picture of
// that size and prints SECONDS OUTPUT_PIXELS PEAK_RSS_KIB. bench/enhance/peer.py speaks the same.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/plugins/enhance/mini_host.h"

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

// A smooth picture with some noise; what is in it does not matter to the time it takes.
darkroom::Picture PictureOf(int64_t height, int64_t width) {
  darkroom::Picture picture;
  picture.shape = {height, width, 3};
  uint32_t noise = 1;
  for (int64_t i = 0; i < height * width * 3; ++i) {
    noise = noise * 1664525U + 1013904223U;
    picture.bytes.push_back(
        static_cast<uint8_t>((static_cast<uint32_t>(i / 97) + (noise >> 28)) & 0xFFU));
  }
  return picture;
}

int Run(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: enhance_runner PLUGIN CONFIG\n");
    return 2;
  }
  darkroom::MiniHost host(argv[1]);
  if (host.Create(argv[2]) != DR_OK || host.Load() != DR_OK) {
    std::fprintf(stderr, "enhance_runner: %s\n", host.error().c_str());
    return 1;
  }
  std::cout << "ready" << std::endl;
  int64_t height = 0;
  int64_t width = 0;
  while (std::cin >> height >> width) {
    const darkroom::Picture picture = PictureOf(height, width);
    const auto begin = std::chrono::steady_clock::now();
    if (host.Run(picture, "{}") != DR_OK) {
      std::fprintf(stderr, "enhance_runner: %s\n", host.error().c_str());
      return 1;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::cout << seconds.count() << ' ' << host.output().shape[0] * host.output().shape[1] << ' '
              << PeakRssKib() << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "enhance_runner: %s\n", error.what());
    return 1;
  }
}
