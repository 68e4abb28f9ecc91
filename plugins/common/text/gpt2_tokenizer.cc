// SPDX-License-Identifier: Apache-2.0

#include "common/text/gpt2_tokenizer.h"

#include <utility>

#include "common/text/byte_level.h"
#include "common/text/unicode.h"
#include "common/text/words.h"

namespace darkroom {
namespace {

// How long the word at the beginning of `text` is. The original says it as
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t WordLength(std::u32string_view text) {
  if (const size_t length = ContractionLength(text); length > 0) return length;
  const size_t space = text.front() == ' ' && text.size() > 1 ? 1 : 0;
  const CharacterClass wanted = ClassOf(text[space]);
  if (wanted != CharacterClass::kSpace) return space + RunLength(text.substr(space), wanted);
  // White space leaves its last character to the word behind it.
  const size_t run = RunLength(text, CharacterClass::kSpace);
  return run < text.size() && run > 1 ? run - 1 : run;
}

}  // namespace

Gpt2Tokenizer::Gpt2Tokenizer(TokenizerParts parts, const BytePair::Merges& merges,
                             std::optional<int64_t> unknown, bool space_before)
    : Tokenizer(std::move(parts)),
      byte_pair_(vocabulary(), merges, "", unknown),
      space_before_(space_before) {
  IndexAddedTokens();
}

std::u32string Gpt2Tokenizer::Normalize(std::u32string_view text) const {
  return std::u32string(text);
}

void Gpt2Tokenizer::EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const {
  std::u32string spaced;
  if (space_before_ && text.front() != ' ') {
    spaced = U' ' + std::u32string(text);
    text = spaced;
  }
  while (!text.empty()) {
    const size_t length = WordLength(text);
    byte_pair_.Encode(EncodeUtf8(text.substr(0, length)), ids);
    text.remove_prefix(length);
  }
}

std::string Gpt2Tokenizer::Join(const std::vector<std::string_view>& tokens) const {
  return DecodeByteLevel(tokens);
}

}  // namespace darkroom
