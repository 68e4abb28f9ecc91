// SPDX-License-Identifier: Apache-2.0

#include "common/text/gemma_tokenizer.h"

#include <cstddef>
#include <darkroom/plugin.hpp>
#include <optional>
#include <utility>

#include "common/text/unicode.h"

namespace darkroom {
namespace {

constexpr char32_t kSpaceMark = 0x2581;
constexpr std::string_view kSpaceMarkBytes = "\u2581";
constexpr std::string_view kReplacement = "\ufffd";
constexpr std::string_view kDigits = "0123456789ABCDEF";

std::string ByteToken(size_t byte) {
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

// The byte that a token stands for.
std::optional<char> ByteOf(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  const size_t high = kDigits.find(token[3]);
  const size_t low = kDigits.find(token[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<char>(high << 4 | low);
}

// Bytes in a row are characters, or else each of them is none.
void TakeBytes(std::string* bytes, std::string* text) {
  if (EncodeUtf8(DecodeUtf8(*bytes)) == *bytes) {
    *text += *bytes;
  } else {
    for (size_t i = 0; i < bytes->size(); ++i) *text += kReplacement;
  }
  bytes->clear();
}

}  // namespace

GemmaTokenizer::GemmaTokenizer(TokenizerParts parts, const PairMerges::List& merges, bool lowercase)
    : Tokenizer(std::move(parts)), lowercase_(lowercase), merges_(vocabulary(), merges) {
  for (size_t byte = 0; byte < bytes_.size(); ++byte) {
    const auto id = vocabulary().Find(ByteToken(byte));
    if (!id.has_value())
      throw Error(DR_FAILED_PRECONDITION, "the vocabulary has no token " + ByteToken(byte) +
                                              ", which characters that it does not have may need");
    bytes_[byte] = static_cast<int32_t>(*id);
  }
  IndexAddedTokens();
}

std::u32string GemmaTokenizer::Normalize(std::u32string_view text) const {
  std::u32string normalized;
  normalized.reserve(text.size());
  for (const char32_t c : text) {
    if (c == ' ') {
      normalized.push_back(kSpaceMark);
    } else if (lowercase_) {
      AppendLowercase(c, &normalized);
    } else {
      normalized.push_back(c);
    }
  }
  return normalized;
}

void GemmaTokenizer::EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const {
  std::vector<int32_t> symbols;
  symbols.reserve(text.size());
  for (const char32_t c : text) {
    std::string character;
    AppendUtf8(c, &character);
    if (const auto id = vocabulary().Find(character)) {
      symbols.push_back(static_cast<int32_t>(*id));
      continue;
    }
    for (const char byte : character) symbols.push_back(bytes_[static_cast<unsigned char>(byte)]);
  }
  merges_.Join(symbols, ids);
}

std::string GemmaTokenizer::Join(const std::vector<std::string_view>& tokens) const {
  std::string text;
  std::string bytes;
  for (const std::string_view token : tokens) {
    if (const auto byte = ByteOf(token)) {
      bytes.push_back(*byte);
      continue;
    }
    TakeBytes(&bytes, &text);
    std::string words(token);
    for (size_t at = words.find(kSpaceMarkBytes); at != std::string::npos;
         at = words.find(kSpaceMarkBytes, at + 1))
      words.replace(at, kSpaceMarkBytes.size(), " ");
    text += words;
  }
  TakeBytes(&bytes, &text);
  return text;
}

}  // namespace darkroom
