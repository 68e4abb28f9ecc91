// SPDX-License-Identifier: Apache-2.0

#include "common/text/lower_case.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>

#include "common/text/unicode.h"

namespace darkroom {
namespace {

constexpr char32_t kSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;

utf8proc_category_t CategoryOf(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Unicode's Case_Ignorable: marks, format characters, modifiers, and what may stand within a word.
bool IsPassedOver(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      constexpr std::u32string_view kWithinWords =
          U"'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e"
          U"\uff1a";
      return kWithinWords.find(c) != std::u32string_view::npos;
  }
}

// Unicode's Cased: letters of either case, and numerals and encircled letters that look like them.
bool IsCased(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  const utf8proc_category_t category = CategoryOf(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT || c == 0xAA || c == 0xBA || within(0x2160, 0x217F) ||
         within(0x24B6, 0x24E9) || within(0x1F130, 0x1F149) || within(0x1F150, 0x1F169) ||
         within(0x1F170, 0x1F189);
}

// Capitals that are newer than Unicode 15 stay: Python does not know them either, up to 3.13.
void AppendLower(char32_t c, std::u32string* text) {
  constexpr char32_t kCapitalDottedI = 0x130;  // the only one that becomes two
  if (c == kCapitalDottedI) {
    AppendLowercase(c, text);
  } else {
    text->push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
}

// Whether the first character of the range that counts is a cased one.
template <typename Iterator>
bool BeginsCased(Iterator begin, Iterator end) {
  const auto first = std::find_if_not(begin, end, IsPassedOver);
  return first != end && IsCased(*first);
}

}  // namespace

std::u32string ToLowercase(std::u32string_view text) {
  std::u32string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != kSigma) {
      AppendLower(text[at], &lower);
      continue;
    }
    const std::u32string_view before = text.substr(0, at);
    const std::u32string_view behind = text.substr(at + 1);
    const bool ends_a_word =
        BeginsCased(before.rbegin(), before.rend()) && !BeginsCased(behind.begin(), behind.end());
    lower.push_back(ends_a_word ? kFinalSigma : kSmallSigma);
  }
  return lower;
}

}  // namespace darkroom
