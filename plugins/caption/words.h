// SPDX-License-Identifier: Apache-2.0
//
// What is done to a caption's text when it is written. Pure functions on UTF-8, any thread.

#ifndef DARKROOM_PLUGINS_CAPTION_WORDS_H_
#define DARKROOM_PLUGINS_CAPTION_WORDS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace darkroom {

// Without white space at either end.
std::string Trimmed(std::string_view text);

// At most `most` words, which are what white space separates; 0: all. Ends with the last sentence
// that is whole within them. Where not even the first is, a text cannot be cut without cutting a
// sentence: then after the last word, without a comma or a dash behind it.
std::string LimitWords(std::string_view text, int64_t most);

// Where the first of these begins in `text`, or npos. Empty ones do not count.
size_t FindStop(std::string_view text, std::span<const std::string> stops);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_WORDS_H_
