// SPDX-License-Identifier: Apache-2.0

#include "core/excerpt.h"

namespace darkroom {

std::string Excerpt(std::string_view text, size_t longest) {
  if (text.size() <= longest) return std::string(text);
  size_t end = longest;
  // Bytes 10xxxxxx continue a character; a sound one has at most three of them.
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U;
       ++i) {
    --end;
  }
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace darkroom
