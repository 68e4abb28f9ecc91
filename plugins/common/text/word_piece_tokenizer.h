// SPDX-License-Identifier: Apache-2.0
//
// WordPieceTokenizer is the tokenizer of BERT, and so of BLIP: text is cleaned, Chinese characters
// stand alone, lower case and accents off where the model wants it; words are cut at white space
// and around punctuation, and each into the longest pieces that the vocabulary has, from left to
// right, or into [UNK].
//
// Equal to transformers' BertTokenizer. Threads and ownership are tokenizer.h's.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_WORD_PIECE_TOKENIZER_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_WORD_PIECE_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/tokenizer.h"

namespace darkroom {

struct WordPieceOptions {
  int64_t unknown = 0;
  bool clean_text = true;
  bool split_chinese = true;
  bool lowercase = true;
  bool strip_accents = true;
  size_t max_word = 100;  // longer words are [UNK]
  // As people write: no space before a full stop. The first is done token by token, as the
  // vocabulary's decoder does, the second on the whole text, as transformers does where
  // tokenizer_config.json says so.
  bool clean_tokens = true;
  bool clean_result = false;
};

class WordPieceTokenizer final : public Tokenizer {
 public:
  WordPieceTokenizer(TokenizerParts parts, const WordPieceOptions& options);

 private:
  std::u32string Normalize(std::u32string_view text) const override;
  void EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const override;
  std::string Join(const std::vector<std::string_view>& tokens) const override;
  void EncodeWord(std::u32string_view word, std::vector<int64_t>* ids) const;

  WordPieceOptions options_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_WORD_PIECE_TOKENIZER_H_
