// SPDX-License-Identifier: Apache-2.0

#include "host/image_limits.h"

#include <fmt/format.h>

#include <limits>

namespace darkroom::host {

Status CheckInputSize(uint64_t bytes, const ImageLimits& limits) {
  if (bytes == 0) {
    return Status::InvalidArgument("the image is empty: 0 bytes", "send a JPEG, PNG or WebP file");
  }
  if (bytes > limits.max_input_bytes) {
    return {Code::kTooLarge,
            fmt::format("the image has {} bytes, the limit is {}", bytes, limits.max_input_bytes),
            "send a smaller file, or raise limits.input_bytes"};
  }
  return Status::Ok();
}

Status CheckImageSize(ImageFormat format, uint64_t width, uint64_t height,
                      const ImageLimits& limits) {
  if (width == 0 || height == 0) {
    return Status::InvalidArgument(
        fmt::format("the {} image has no pixels: it is {} x {}", FormatName(format), width, height),
        "send an image of at least 1 x 1");
  }
  // By division, because width * height may not fit 64 bits.
  if (height > limits.max_pixels / width) {
    return {Code::kTooLarge,
            fmt::format("the {} image is {} x {}, the limit is {} pixels", FormatName(format),
                        width, height, limits.max_pixels),
            "send a smaller image, or raise limits.pixels"};
  }
  return Status::Ok();
}

Status CheckView(const ImageView& image) {
  if (image.channels < 1 || image.channels > 4) {
    return Status::Internal(
        fmt::format("an image of {} channels cannot be encoded", image.channels),
        "the plugin must return 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)");
  }
  if (image.width == 0 || image.height == 0) {
    return Status::Internal(
        fmt::format("an image of {} x {} has no pixels", image.width, image.height),
        "the plugin must return an image of at least 1 x 1");
  }
  const size_t row_bytes = image.row_bytes();
  const bool fits = image.height <= std::numeric_limits<size_t>::max() / row_bytes &&
                    image.pixels.size() == row_bytes * image.height;
  if (!fits) {
    return Status::Internal(
        fmt::format("{} bytes are not an image of {} x {} x {}", image.pixels.size(), image.height,
                    image.width, image.channels),
        "the plugin must return height * width * channels bytes");
  }
  return Status::Ok();
}

Status CheckEncodable(const ImageView& image, ImageFormat format, uint32_t max_side) {
  if (image.width <= max_side && image.height <= max_side) return Status::Ok();
  return {Code::kTooLarge,
          fmt::format("{} cannot hold an image of {} x {}: the longest side is {}",
                      FormatName(format), image.width, image.height, max_side),
          "ask for image/png, or for a smaller image"};
}

}  // namespace darkroom::host
