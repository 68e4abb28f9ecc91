// SPDX-License-Identifier: Apache-2.0
//
// GemmaTokenizer is the tokenizer of Gemma, which SigLIP2 took over: spaces are written as U+2581,
// and the whole text is one word that byte pairs cut, beginning with a token for each character. A
// character that the vocabulary has not is its bytes in UTF-8, which have tokens of their own,
// <0x00> to <0xFF>. What it makes of a text decodes to the same text.
//
// Equal to transformers' GemmaTokenizer and Siglip2Tokenizer. Threads and ownership are
// tokenizer.h's.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_GEMMA_TOKENIZER_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_GEMMA_TOKENIZER_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/pair_merges.h"
#include "common/text/tokenizer.h"

namespace darkroom {

class GemmaTokenizer final : public Tokenizer {
 public:
  // `lowercase`: as SigLIP2's authors prepared their texts. Throws what PairMerges throws, and
  // Error (DR_FAILED_PRECONDITION) when a byte has no token.
  GemmaTokenizer(TokenizerParts parts, const PairMerges::List& merges, bool lowercase);

 private:
  std::u32string Normalize(std::u32string_view text) const override;
  void EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const override;
  std::string Join(const std::vector<std::string_view>& tokens) const override;

  bool lowercase_;
  std::array<int32_t, 256> bytes_;
  PairMerges merges_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_GEMMA_TOKENIZER_H_
