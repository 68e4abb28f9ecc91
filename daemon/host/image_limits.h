// SPDX-License-Identifier: Apache-2.0
//
// What an image may cost. Ten kilobytes of WebP can hold 268 million pixels and a PNG of 45 bytes
// can claim 2^62, so every decoder asks here after it has read the header and before it allocates
// anything by size. The encoders ask whether the pixels they are given are what their sizes say.
//
// Pure functions; any thread.

#ifndef DARKROOM_HOST_IMAGE_LIMITS_H_
#define DARKROOM_HOST_IMAGE_LIMITS_H_

#include <cstdint>
#include <string_view>

#include "core/status.h"
#include "host/image.h"

namespace darkroom::host {

struct ImageLimits {
  uint64_t max_pixels = 64'000'000;
  uint64_t max_input_bytes = 64ULL << 20;
};

// Refuses an empty input and one of more than max_input_bytes.
Status CheckInputSize(uint64_t bytes, const ImageLimits& limits);

// Refuses sizes of zero and more than max_pixels in all.
Status CheckImageSize(ImageFormat format, uint64_t width, uint64_t height,
                      const ImageLimits& limits);

// Refuses a view whose channels are not 1 to 4 or whose bytes do not fit its sizes.
Status CheckView(const ImageView& image);

// Refuses a side beyond what the format can hold.
Status CheckEncodable(const ImageView& image, ImageFormat format, uint32_t max_side);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_IMAGE_LIMITS_H_
