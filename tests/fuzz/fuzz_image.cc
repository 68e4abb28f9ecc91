// SPDX-License-Identifier: Apache-2.0
//
// A picture of a stranger: whatever its bytes are, it is decoded within its limits or refused for a
// reason that is the file's.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "host/decode_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using darkroom::Code;
  constexpr darkroom::host::ImageLimits kLimits{.max_pixels = 1 << 20, .max_input_bytes = 1 << 20};
  const darkroom::Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto image = darkroom::host::DecodeImage(bytes, kLimits);
  if (!image.ok() && image.status().code() != Code::kInvalidArgument &&
      image.status().code() != Code::kTooLarge)
    std::abort();
  return 0;
}
