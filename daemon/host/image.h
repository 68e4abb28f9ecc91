// SPDX-License-Identifier: Apache-2.0
//
// Image is a decoded picture: rows from top to bottom, pixels from left to right, channels together
// (HWC), 8 bits each, no padding. 1 channel is grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is
// straight. ImageView is the same without ownership, so that pixels which a plugin owns can be
// encoded where they lie. ImageInfo is what a file's header says.
//
// Plain values: an Image belongs to whoever holds it, and a view must not outlive the pixels it
// looks at.

#ifndef DARKROOM_HOST_IMAGE_H_
#define DARKROOM_HOST_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/buffer.h"

namespace darkroom::host {

enum class ImageFormat : uint8_t { kJpeg, kPng, kWebp };

// The name for people, such as "JPEG".
constexpr std::string_view FormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
  }
  return "?";
}

// The name on the wire, such as "image/jpeg".
constexpr std::string_view ContentType(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "image/jpeg";
    case ImageFormat::kPng:
      return "image/png";
    case ImageFormat::kWebp:
      return "image/webp";
  }
  return "application/octet-stream";
}

struct ImageView {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 0;
  Bytes pixels;  // width * height * channels
  Bytes icc;     // the colour profile, empty where there is none

  size_t row_bytes() const { return size_t{width} * channels; }
  const std::byte* row(size_t y) const { return pixels.data() + y * row_bytes(); }
};

struct Image {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 0;
  Buffer pixels;
  Buffer icc;

  size_t row_bytes() const { return size_t{width} * channels; }
  std::byte* row(size_t y) { return pixels.data() + y * row_bytes(); }
  const std::byte* row(size_t y) const { return pixels.data() + y * row_bytes(); }
  ImageView view() const { return {width, height, channels, pixels.bytes(), icc.bytes()}; }
};

// Uninitialised pixels. The caller has checked the size against its limits.
inline Image MakeImage(uint32_t width, uint32_t height, uint32_t channels) {
  Image image{width, height, channels, {}, {}};
  image.pixels = Buffer::Allocate(image.row_bytes() * height);
  return image;
}

struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  uint32_t width = 0;     // as stored: before the orientation is applied
  uint32_t height = 0;    //
  uint32_t channels = 0;  // of the decoded image
  uint32_t bits = 8;      // of one sample in the file
  uint32_t frames = 1;    // of an animation; only the first is decoded
  int orientation = 1;    // EXIF's: 1 to 8
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_IMAGE_H_
