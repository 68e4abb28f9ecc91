// SPDX-License-Identifier: Apache-2.0
//
// PNG files of pictures made up on the spot, to try plugins with. Uncompressed, so that no library
// is needed for them.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_RAW_PNG_H_
#define DARKROOM_CLI_RAW_PNG_H_

#include <cstdint>
#include <string>

namespace darkroom {

// Colours (3 channels) or grey (1) that differ from pixel to pixel, always the same.
std::string MakeRawPng(uint32_t width, uint32_t height, uint32_t channels);

}  // namespace darkroom

#endif  // DARKROOM_CLI_RAW_PNG_H_
