// SPDX-License-Identifier: Apache-2.0

#include "common/python_json.h"

namespace darkroom {

std::string WithoutInfinities(std::string_view text) {
  constexpr std::string_view kInfinity = "Infinity";
  constexpr std::string_view kLargest = "1.7976931348623157e308";
  std::string result;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      result += c;
      result += text[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (!in_string && text.substr(i, kInfinity.size()) == kInfinity) {
      result += kLargest;
      i += kInfinity.size() - 1;
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace darkroom
