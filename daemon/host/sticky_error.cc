// SPDX-License-Identifier: Apache-2.0

#include "host/sticky_error.h"

#include <algorithm>
#include <array>

namespace darkroom::host {
namespace {

// As cudaGetErrorString has them, of those errors of which CUDA's documentation says that the
// process must be ended; the last ones as the driver and NVML say them.
constexpr std::array<std::string_view, 15> kWords = {
    "an illegal memory access was encountered",
    "an illegal instruction was encountered",
    "misaligned address",
    "operation not supported on global/shared address space",
    "invalid program counter",
    "hardware stack error",
    "device-side assert triggered",
    "the launch timed out and was terminated",
    "unspecified launch failure",
    "uncorrectable ECC error encountered",
    "uncorrectable NVLink error detected",
    "Invalid access of peer GPU memory over nvlink",
    "fallen off the bus",
    "GPU is lost",
    "GPU requires reset",
};

}  // namespace

bool IsStickyCudaError(std::string_view words) {
  // What a request says may be among the words; what CUDA says has its name before it.
  const size_t from = std::min(words.find("CUDA"), words.find("NVML"));
  if (from == std::string_view::npos) return false;
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view one) {
    return words.find(one, from) != std::string_view::npos;
  });
}

}  // namespace darkroom::host
