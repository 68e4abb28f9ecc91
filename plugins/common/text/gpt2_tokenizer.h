// SPDX-License-Identifier: Apache-2.0
//
// Gpt2Tokenizer is the tokenizer of GPT-2: nothing is normalized; a word is a run of letters, of
// numbers or of anything else with the one space before it, cut by byte pairs. What it makes of a
// text decodes to the same text.
//
// Equal to transformers' GPT2Tokenizer. Threads and ownership are tokenizer.h's.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_GPT2_TOKENIZER_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_GPT2_TOKENIZER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/byte_pair.h"
#include "common/text/tokenizer.h"

namespace darkroom {

class Gpt2Tokenizer final : public Tokenizer {
 public:
  // `space_before`: a text that does not begin with a space is taken as if it did. Throws what
  // BytePair throws.
  Gpt2Tokenizer(TokenizerParts parts, const BytePair::Merges& merges,
                std::optional<int64_t> unknown, bool space_before);

 private:
  std::u32string Normalize(std::u32string_view text) const override;
  void EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const override;
  std::string Join(const std::vector<std::string_view>& tokens) const override;

  BytePair byte_pair_;
  bool space_before_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_GPT2_TOKENIZER_H_
