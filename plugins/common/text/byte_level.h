// SPDX-License-Identifier: Apache-2.0
//
// Byte-level vocabularies write each byte as one visible character, so that a vocabulary file is
// text: bytes that are visible in Latin-1 stand for themselves, the others for U+0100 and on, in
// their order (GPT-2's bytes_to_unicode).
//
// Pure functions, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_BYTE_LEVEL_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_BYTE_LEVEL_H_

#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

// The character that stands for `byte`, in UTF-8.
std::string ByteLevelCharacter(unsigned char byte);

// The bytes that `token` stands for. A token with any other character, such as an added one, stands
// for itself.
std::string ByteLevelBytes(std::string_view token);

// The text of tokens in a row. Bytes that are no UTF-8 become U+FFFD.
std::string DecodeByteLevel(const std::vector<std::string_view>& tokens);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_BYTE_LEVEL_H_
