// SPDX-License-Identifier: Apache-2.0
//
// What the byte-level tokenizers know of words before they cut them.
//
// Pure functions, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_WORDS_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_WORDS_H_

#include <cstddef>
#include <string_view>

namespace darkroom {

enum class CharacterClass { kSpace, kLetter, kNumber, kOther };

CharacterClass ClassOf(char32_t c);

// The length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning of `text`, else 0.
size_t ContractionLength(std::u32string_view text);

// How many characters at the beginning of `text` are of `wanted`.
size_t RunLength(std::u32string_view text, CharacterClass wanted);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_WORDS_H_
