// SPDX-License-Identifier: Apache-2.0
//
// Lower case of a whole text, as Python's str.lower has it: character by character, but a capital
// sigma that ends a word becomes the small one of a word's end.
//
// A pure function, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_LOWER_CASE_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_LOWER_CASE_H_

#include <string>
#include <string_view>

namespace darkroom {

std::u32string ToLowercase(std::u32string_view text);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_LOWER_CASE_H_
