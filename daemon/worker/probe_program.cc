// SPDX-License-Identifier: Apache-2.0

#include "worker/probe_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <optional>

#include "core/status.h"
#include "worker/cuda_probe.h"

namespace darkroom {
namespace {

// Squares, laid out in memory and added up, against the formula for their sum.
Status ComputeOnCpu() {
  constexpr uint64_t kCount = 100'000;
  std::vector<uint64_t> squares(kCount);
  for (uint64_t i = 0; i < kCount; ++i) squares[i] = (i + 1) * (i + 1);
  const uint64_t sum = std::accumulate(squares.begin(), squares.end(), uint64_t{0});
  if (sum == kCount * (kCount + 1) * (2 * kCount + 1) / 6) return Status::Ok();
  return {Code::kDeviceLost, "a sum came out wrong"};
}

Status ComputeOnSimulated(const std::string& file) {
  std::string says;
  std::ifstream(file) >> says;
  while (says == "hang") pause();
  if (says == "lost") return {Code::kDeviceLost, file + " says that the device is lost"};
  return ComputeOnCpu();
}

std::optional<int32_t> ParseIndex(const std::string& text) {
  int32_t index = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, index);
  if (parsed.ec != std::errc() || parsed.ptr != end || index < 0) return std::nullopt;
  return index;
}

std::optional<Status> Compute(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && arguments[0] == "cpu") return ComputeOnCpu();
  if (arguments.size() != 2) return std::nullopt;
  if (arguments[0] == "sim") return ComputeOnSimulated(arguments[1]);
  const auto index = ParseIndex(arguments[1]);
  if (arguments[0] == "cuda" && index) return ComputeOnCuda(*index);
  return std::nullopt;
}

}  // namespace

int RunProbe(const std::vector<std::string>& arguments) {
  const auto status = Compute(arguments);
  if (!status) {
    fmt::print(stderr, "darkroom-worker {} is for darkroomd, not for hands\n", kProbeArgument);
    return 2;
  }
  if (status->ok()) return 0;
  fmt::print(stderr, "{}\n", status->message());
  return 1;
}

}  // namespace darkroom
