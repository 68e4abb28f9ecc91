// SPDX-License-Identifier: Apache-2.0
//
// Numbers of the configuration: all of a text is one, or none of it. A pure function, any thread.

#ifndef DARKROOM_CONFIG_PARSE_WHOLE_H_
#define DARKROOM_CONFIG_PARSE_WHOLE_H_

#include <charconv>
#include <string>
#include <system_error>

namespace darkroom {

template <typename Number>
bool ParseWhole(const std::string& text, Number* out) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc() && rest == end;
}

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_PARSE_WHOLE_H_
