// SPDX-License-Identifier: Apache-2.0
//
// SiglipTokenizer is the tokenizer of SigLIP: text in lower case, without ASCII's punctuation, with
// runs of white space as one space and none at its ends; then cut by a sentencepiece model. A text
// that ends with the token that ends texts does not get it twice.
//
// Equal to transformers' SiglipTokenizer, decoding without its clean_up_tokenization_spaces.
// Threads and ownership are tokenizer.h's.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_SIGLIP_TOKENIZER_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_SIGLIP_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/sentence_piece.h"
#include "common/text/tokenizer.h"

namespace darkroom {

class SiglipTokenizer final : public Tokenizer {
 public:
  // `parts`: the model's pieces among its vocabulary. `unknown`: the token that stands for what is
  // not known, as it is written.
  SiglipTokenizer(TokenizerParts parts, SentencePiece model, const std::string& unknown,
                  bool lowercase);

  std::vector<int64_t> EncodeBare(std::string_view text) const override;

 private:
  std::u32string Normalize(std::u32string_view text) const override;
  void EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const override;
  std::string Join(const std::vector<std::string_view>& tokens) const override;

  SentencePiece model_;
  std::string unknown_;
  size_t unknown_pieces_;  // of `unknown_`, read as text
  bool lowercase_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_SIGLIP_TOKENIZER_H_
