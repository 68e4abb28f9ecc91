// SPDX-License-Identifier: Apache-2.0
//
// Lays pixels with alpha over white, for formats that have none: what was transparent becomes
// white, as on a page.
//
// Pure function; any thread.

#ifndef DARKROOM_HOST_FLATTEN_H_
#define DARKROOM_HOST_FLATTEN_H_

#include <cstddef>
#include <cstdint>

namespace darkroom::host {

// One row of `width` pixels of `channels` (2 or 4) channels, alpha last, into `target` with one
// channel less.
inline void FlattenRow(const std::byte* source, size_t width, size_t channels, std::byte* target) {
  const size_t colours = channels - 1;
  for (size_t x = 0; x < width; ++x, source += channels, target += colours) {
    const auto alpha = std::to_integer<uint32_t>(source[colours]);
    for (size_t c = 0; c < colours; ++c) {
      // (colour * alpha + 255 * (255 - alpha)) / 255, rounded.
      const uint32_t sum = std::to_integer<uint32_t>(source[c]) * alpha + 255 * (255 - alpha) + 128;
      target[c] = static_cast<std::byte>((sum + (sum >> 8)) >> 8);
    }
  }
}

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_FLATTEN_H_
