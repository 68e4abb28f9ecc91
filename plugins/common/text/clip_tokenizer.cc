// SPDX-License-Identifier: Apache-2.0

#include "common/text/clip_tokenizer.h"

#include <utility>

#include "common/text/byte_level.h"
#include "common/text/unicode.h"
#include "common/text/words.h"

namespace darkroom {
namespace {

// How long the word at the beginning of `text` is; it does not begin with white space.
size_t WordLength(std::u32string_view text) {
  // The names of the two special tokens, which may come about by lower case, end a word before and
  // after them: they are "<|", the letters, "|>".
  for (const std::u32string_view name : {U"<|startoftext|>", U"<|endoftext|>"})
    if (text.starts_with(name)) return name.size();
  if (const size_t length = ContractionLength(text); length > 0) return length;
  const CharacterClass wanted = ClassOf(text.front());
  return wanted == CharacterClass::kNumber ? 1 : RunLength(text, wanted);
}

// What Python's str.strip() takes for white space.
bool IsStripped(char32_t c) { return IsSpace(c) || (c >= 0x1C && c <= 0x1F); }

}  // namespace

ClipTokenizer::ClipTokenizer(TokenizerParts parts, const BytePair::Merges& merges,
                             std::optional<int64_t> unknown)
    : Tokenizer(std::move(parts)), byte_pair_(vocabulary(), merges, kWordEnd, unknown) {
  IndexAddedTokens();
}

std::u32string ClipTokenizer::Normalize(std::u32string_view text) const {
  std::u32string out;
  out.reserve(text.size());
  bool in_space = false;
  for (const char32_t c : ToNfc(text)) {
    const bool space = IsSpace(c);
    if (space && !in_space) out.push_back(' ');
    if (!space) AppendLowercase(c, &out);
    in_space = space;
  }
  return out;
}

void ClipTokenizer::EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const {
  while (!text.empty()) {
    if (IsSpace(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    std::u32string_view word = text.substr(0, WordLength(text));
    text.remove_prefix(word.size());
    // Only a special token's name holds letters beside other characters: there it is cut once more.
    while (!word.empty()) {
      const size_t contraction = ContractionLength(word);
      const size_t length = contraction > 0 ? contraction : RunLength(word, ClassOf(word.front()));
      byte_pair_.Encode(EncodeUtf8(word.substr(0, length)), ids);
      word.remove_prefix(length);
    }
  }
}

std::string ClipTokenizer::Join(const std::vector<std::string_view>& tokens) const {
  const std::u32string text = DecodeUtf8(DecodeByteLevel(tokens));
  const std::u32string end = DecodeUtf8(kWordEnd);
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    const bool is_end = std::u32string_view(text).substr(at).starts_with(end);
    out.push_back(is_end ? U' ' : text[at]);
    at += is_end ? end.size() : 1;
  }
  size_t begin = 0;
  while (begin < out.size() && IsStripped(out[begin])) ++begin;
  size_t stop = out.size();
  while (stop > begin && IsStripped(out[stop - 1])) --stop;
  return EncodeUtf8(std::u32string_view(out).substr(begin, stop - begin));
}

}  // namespace darkroom
