// SPDX-License-Identifier: Apache-2.0

#include "host/sticky_error.h"

#include <gtest/gtest.h>

namespace darkroom::host {
namespace {

TEST(StickyError, IsWhatEndsTheContext) {
  for (const char* words : {
           "CUDA error: an illegal memory access was encountered",
           "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously "
           "reported at some other API call",
           "CUDA error: unspecified launch failure",
           "CUDA driver error: misaligned address",
           "cuDNN Frontend error: CUDA error: uncorrectable ECC error encountered",
           "NVML: GPU is lost",
       }) {
    EXPECT_TRUE(IsStickyCudaError(words)) << words;
  }
}

TEST(StickyError, IsNotWhatCanBeTriedAgain) {
  for (const char* words : {
           "",
           "CUDA out of memory. Tried to allocate 2.00 GiB",
           "CUDA error: out of memory",
           "CUDA error: no kernel image is available for execution on the device",
           "CUDA error: invalid configuration argument",
           "a prompt that says unspecified launch failure",
           "unspecified launch failure, said before CUDA",
       }) {
    EXPECT_FALSE(IsStickyCudaError(words)) << words;
  }
}

}  // namespace
}  // namespace darkroom::host
