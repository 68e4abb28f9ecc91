// SPDX-License-Identifier: Apache-2.0
//
// The clip plugin's image tower alone, for bench/clip: what is measured is the network, without
// pictures to decode and without a daemon around it.
//
//   clip_runner FOLDER [--engine E] [--dtype D]
//
// Says "ready SECONDS LEASE_KIB" with the time from its start to the first embedding and what the
// plugin would reserve, then answers each line "BATCH" on its standard input with "SECONDS PEAK_KIB
// OWN_KIB": how long that many pictures took in passes of the plugin, the process's peak memory,
// and its memory now without what is mapped from files.

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include "clip/embedder.h"
#include "clip/network.h"
#include "common/checkpoint.h"

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

long PeakKib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

long OwnKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word)
    if (word == "RssAnon:" && status >> word) return std::stol(word);
  return 0;
}

int Run(int argc, char** argv) {
  const auto start = Clock::now();
  std::string engine = "auto";
  std::string dtype = "auto";
  for (int i = 2; i + 1 < argc; i += 2)
    (std::string(argv[i]) == "--engine" ? engine : dtype) = argv[i + 1];
  const c10::InferenceMode inference;
  darkroom::nn::Placement placement;
  placement.dtype = darkroom::nn::ChooseDtype(dtype, at::kCPU);
  placement.engine = darkroom::nn::ChooseEngine(engine, at::kCPU, placement.dtype);
  const auto checkpoint = darkroom::Checkpoint::Open(argv[1]);
  const auto network = darkroom::clip::LoadNetwork(checkpoint, placement);
  const uint64_t lease = checkpoint.BytesIn(placement.dtype) +
                         darkroom::clip::Embedder::WorkingBytes(network.config, placement);
  const int64_t edge = network.config.vision->image_edge;
  const auto embed = [&](int64_t batch) {
    return (*network.vision)(placement.Place(at::rand({batch, 3, edge, edge})));
  };
  embed(1);
  std::printf("ready %.6f %llu\n", SecondsSince(start),
              static_cast<unsigned long long>(lease >> 10));
  std::fflush(stdout);
  const auto pass = static_cast<int64_t>(
      darkroom::clip::Embedder::PicturesOfAPass(*network.config.vision, placement));
  int64_t batch = 0;
  while (std::cin >> batch) {
    const at::Tensor pixels = placement.Place(at::rand({batch, 3, edge, edge}));
    const auto before = Clock::now();
    for (int64_t i = 0; i < batch; i += pass)
      (*network.vision)(pixels.slice(0, i, std::min(i + pass, batch)));
    std::printf("%.6f %ld %ld\n", SecondsSince(before), PeakKib(), OwnKib());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: clip_runner FOLDER [--engine E] [--dtype D]\n");
    return 2;
  }
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "clip_runner: %s\n", error.what());
    return 1;
  }
}
