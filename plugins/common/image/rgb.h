// SPDX-License-Identifier: Apache-2.0
//
// A row of pixels as the host gives them (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA, 8 bits, straight
// alpha) as RGB: grey three times, and what can be seen through over white, as transformers' own
// conversion does it, bit for bit as Pillow's alpha_composite. Pure functions: any thread.

#ifndef DARKROOM_PLUGINS_COMMON_IMAGE_RGB_H_
#define DARKROOM_PLUGINS_COMMON_IMAGE_RGB_H_

#include <cstdint>

namespace darkroom {

// `row`: width x channels bytes, channels from 1 to 4; `rgb`: width x 3 bytes to be written.
void ToRgb(const uint8_t* row, int64_t width, int64_t channels, uint8_t* rgb);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_IMAGE_RGB_H_
