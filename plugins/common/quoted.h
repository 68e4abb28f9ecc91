// SPDX-License-Identifier: Apache-2.0
//
// Text of a file or a client, made fit for messages. A pure function, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_QUOTED_H_
#define DARKROOM_PLUGINS_COMMON_QUOTED_H_

#include <string>
#include <string_view>

namespace darkroom {

// `text` in quotes, fit for a log: cut when long, with anything but printable ASCII replaced.
std::string Quoted(std::string_view text);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_QUOTED_H_
