// SPDX-License-Identifier: Apache-2.0

#include "core/subject.h"

#include <algorithm>

namespace darkroom {

bool IsSubject(const std::string& text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string token = text.substr(begin, end - begin);
    if (token.empty() || token.find_first_of(" \t\r\n") != std::string::npos) return false;
    if (token.find('*') != std::string::npos && token != "*") return false;
    if (token.find('>') != std::string::npos && (token != ">" || end != text.size())) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace darkroom
