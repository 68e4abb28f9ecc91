// SPDX-License-Identifier: Apache-2.0
//
// What tokenizers need of Unicode, on utf8proc: UTF-8 and code points, classes of characters, lower
// case, normal forms. Where the reference tokenizers have tables of another version of Unicode,
// theirs are followed (unicode_versions.h).
//
// Pure functions, any thread. None throws for any input: bytes that are no UTF-8 become U+FFFD, as
// many of them as Rust's String::from_utf8_lossy and Python's errors="replace" make.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_UNICODE_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_UNICODE_H_

#include <string>
#include <string_view>

namespace darkroom {

std::u32string DecodeUtf8(std::string_view bytes);
void AppendUtf8(char32_t c, std::string* bytes);
std::string EncodeUtf8(std::u32string_view text);

bool IsSpace(char32_t c);   // White_Space
bool IsLetter(char32_t c);  // general category L
bool IsNumber(char32_t c);  // general category N

// The classes of BERT's normalizer. Controls are the categories Cc, Cf and Co, save tab, line feed
// and carriage return. Punctuation is the category P and every ASCII character that is neither
// letter, digit, space nor control.
bool IsBertControl(char32_t c);
bool IsBertPunctuation(char32_t c);
bool IsNonspacingMark(char32_t c);

// One character may become two.
void AppendLowercase(char32_t c, std::u32string* text);

std::u32string ToNfc(std::u32string_view text);
std::u32string ToNfd(std::u32string_view text);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_UNICODE_H_
