// SPDX-License-Identifier: Apache-2.0
//
// ClipTokenizer is the tokenizer of CLIP: normal form C, runs of white space as one space, lower
// case; then words of letters, single numbers and runs of anything else, each cut by byte pairs
// that know a word's end.
//
// Equal to transformers' CLIPTokenizer. Threads and ownership are tokenizer.h's.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_CLIP_TOKENIZER_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_CLIP_TOKENIZER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/byte_pair.h"
#include "common/text/tokenizer.h"

namespace darkroom {

class ClipTokenizer final : public Tokenizer {
 public:
  static constexpr const char* kWordEnd = "</w>";

  // Throws what BytePair throws.
  ClipTokenizer(TokenizerParts parts, const BytePair::Merges& merges,
                std::optional<int64_t> unknown);

 private:
  std::u32string Normalize(std::u32string_view text) const override;
  void EncodeText(std::u32string_view text, std::vector<int64_t>* ids) const override;
  std::string Join(const std::vector<std::string_view>& tokens) const override;

  BytePair byte_pair_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_CLIP_TOKENIZER_H_
