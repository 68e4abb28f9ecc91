// SPDX-License-Identifier: Apache-2.0

#include "common/text/byte_level.h"

#include "common/text/unicode.h"

namespace darkroom {
namespace {

constexpr char32_t kFirstStandIn = 0x100;
constexpr char32_t kStandIns = 33 + 34 + 1;  // 0x00-0x20, 0x7F-0xA0, 0xAD

constexpr bool IsVisible(char32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

// The byte that the stand-in of this number is for.
char HiddenByte(char32_t number) {
  if (number <= 0x20) return static_cast<char>(number);
  if (number < kStandIns - 1) return static_cast<char>(0x7F + number - 0x21);
  return static_cast<char>(0xAD);
}

}  // namespace

std::string ByteLevelCharacter(unsigned char byte) {
  std::string text;
  if (IsVisible(byte)) {
    AppendUtf8(byte, &text);
  } else if (byte <= 0x20) {
    AppendUtf8(kFirstStandIn + byte, &text);
  } else if (byte == 0xAD) {
    AppendUtf8(kFirstStandIn + kStandIns - 1, &text);
  } else {
    AppendUtf8(kFirstStandIn + 0x21 + byte - 0x7F, &text);
  }
  return text;
}

std::string ByteLevelBytes(std::string_view token) {
  std::string bytes;
  for (const char32_t c : DecodeUtf8(token)) {
    if (c <= 0xFF && IsVisible(c)) {
      bytes.push_back(static_cast<char>(c));
    } else if (c >= kFirstStandIn && c < kFirstStandIn + kStandIns) {
      bytes.push_back(HiddenByte(c - kFirstStandIn));
    } else {
      return std::string(token);
    }
  }
  return bytes;
}

std::string DecodeByteLevel(const std::vector<std::string_view>& tokens) {
  std::string bytes;
  for (const std::string_view token : tokens) bytes += ByteLevelBytes(token);
  return EncodeUtf8(DecodeUtf8(bytes));
}

}  // namespace darkroom
