// SPDX-License-Identifier: Apache-2.0
//
// BytePair cuts a word into tokens of a byte-level vocabulary: it begins with one token for each
// byte, and joins neighbours by the list of merges (pair_merges.h).
//
// Immutable once it is made: any thread may encode. It keeps nothing of its arguments.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_BYTE_PAIR_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_BYTE_PAIR_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/pair_merges.h"
#include "common/text/vocabulary.h"

namespace darkroom {

class BytePair {
 public:
  using Merges = PairMerges::List;

  // `word_end` is what the vocabulary appends to the token of a word's last byte ("</w>", or
  // empty). `unknown` takes the place of a byte that has no token; without it the byte is left out.
  // Throws Error (DR_FAILED_PRECONDITION) for a merge whose parts or result are no tokens.
  BytePair(const Vocabulary& vocabulary, const Merges& merges, const std::string& word_end,
           std::optional<int64_t> unknown);

  // Appends the tokens of one word, given as its bytes.
  void Encode(std::string_view word, std::vector<int64_t>* ids) const;

 private:
  static constexpr int32_t kNone = -1;

  std::array<int32_t, 256> bytes_;       // token of a byte inside a word
  std::array<int32_t, 256> last_bytes_;  // and at its end
  PairMerges merges_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_BYTE_PAIR_H_
