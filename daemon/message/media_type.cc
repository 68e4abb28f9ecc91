// SPDX-License-Identifier: Apache-2.0

#include "message/media_type.h"

#include <algorithm>
#include <cctype>

namespace darkroom {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace

std::string MediaTypeOf(std::string_view value) {
  return Lower(Trim(value.substr(0, value.find(';'))));
}

std::string MediaTypeParameter(std::string_view value, std::string_view name) {
  size_t semicolon = value.find(';');
  while (semicolon != std::string_view::npos) {
    value.remove_prefix(semicolon + 1);
    semicolon = value.find(';');
    const std::string_view item = Trim(value.substr(0, semicolon));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || Lower(Trim(item.substr(0, equals))) != name) continue;
    std::string_view found = Trim(item.substr(equals + 1));
    if (found.size() >= 2 && found.front() == '"' && found.back() == '"') {
      found = found.substr(1, found.size() - 2);
    }
    return std::string(found);
  }
  return {};
}

}  // namespace darkroom
