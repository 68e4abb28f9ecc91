// SPDX-License-Identifier: Apache-2.0
//
// What a file or a client says, made fit for messages. Pure functions, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_QUOTED_H_
#define DARKROOM_PLUGINS_COMMON_QUOTED_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace darkroom {

// `text` in quotes, fit for a log: cut when long, with anything but printable ASCII replaced.
std::string Quoted(std::string_view text);

// A shape as people write it: [64, 3, 3, 3].
std::string ShapeText(std::span<const int64_t> shape);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_QUOTED_H_
