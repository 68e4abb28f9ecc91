// SPDX-License-Identifier: Apache-2.0

#include "common/text/words.h"

#include "common/text/unicode.h"

namespace darkroom {

CharacterClass ClassOf(char32_t c) {
  if (IsLetter(c)) return CharacterClass::kLetter;
  if (IsSpace(c)) return CharacterClass::kSpace;
  return IsNumber(c) ? CharacterClass::kNumber : CharacterClass::kOther;
}

size_t ContractionLength(std::u32string_view text) {
  for (const std::u32string_view contraction : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"})
    if (text.starts_with(contraction)) return contraction.size();
  return 0;
}

size_t RunLength(std::u32string_view text, CharacterClass wanted) {
  size_t length = 0;
  while (length < text.size() && ClassOf(text[length]) == wanted) ++length;
  return length;
}

}  // namespace darkroom
