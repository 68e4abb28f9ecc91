// SPDX-License-Identifier: Apache-2.0

#include "common/image/rgb.h"

#include <cstring>

namespace darkroom {
namespace {

// value * alpha + 255 * (255 - alpha), divided by 255 as Pillow's AlphaComposite.c divides.
uint8_t OverWhite(uint32_t value, uint32_t alpha) {
  constexpr uint32_t kPrecision = 7;
  const uint32_t sum =
      ((value * alpha + 255 * (255 - alpha)) << kPrecision) + (0x80U << kPrecision);
  return static_cast<uint8_t>((((sum >> 8) + sum) >> 8) >> kPrecision);
}

}  // namespace

void ToRgb(const uint8_t* row, int64_t width, int64_t channels, uint8_t* rgb) {
  if (channels == 3) {
    std::memcpy(rgb, row, static_cast<size_t>(width) * 3);
    return;
  }
  const bool has_alpha = channels == 2 || channels == 4;
  const int64_t step = channels > 2 ? 1 : 0;  // grey: the same sample three times
  for (int64_t x = 0; x < width; ++x, row += channels, rgb += 3)
    for (int64_t c = 0; c < 3; ++c)
      rgb[c] = has_alpha ? OverWhite(row[c * step], row[channels - 1]) : row[c * step];
}

}  // namespace darkroom
