// SPDX-License-Identifier: Apache-2.0
//
// BytePair cuts a word into tokens of a byte-level vocabulary: it begins with one token for each
// byte and joins neighbours, always the pair that comes first in the list of merges and of those
// the leftmost, until no pair is in the list (Sennrich et al., arXiv:1508.07909).
//
// A word of n bytes costs O(n log n), so that a long one cannot hold up the rest.
//
// Immutable once it is made: any thread may encode. It keeps nothing of its arguments.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_BYTE_PAIR_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_BYTE_PAIR_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/text/vocabulary.h"

namespace darkroom {

class BytePair {
 public:
  // The two tokens to be joined, in the order of their rank.
  using Merges = std::vector<std::pair<std::string, std::string>>;

  // `word_end` is what the vocabulary appends to the token of a word's last byte ("</w>", or
  // empty). `unknown` takes the place of a byte that has no token; without it the byte is left out.
  // Throws Error (DR_FAILED_PRECONDITION) for a merge whose parts or result are no tokens.
  BytePair(const Vocabulary& vocabulary, const Merges& merges, const std::string& word_end,
           std::optional<int64_t> unknown);

  // Appends the tokens of one word, given as its bytes.
  void Encode(std::string_view word, std::vector<int64_t>* ids) const;

 private:
  struct Merge {
    uint32_t rank;
    int32_t joined;
  };
  struct Symbol {
    int32_t id;  // -1 once it has been joined to its left neighbour
    int32_t previous;
    int32_t next;
  };
  static constexpr int32_t kNone = -1;

  static uint64_t KeyOf(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) |
           static_cast<uint32_t>(right);
  }

  std::array<int32_t, 256> bytes_;       // token of a byte inside a word
  std::array<int32_t, 256> last_bytes_;  // and at its end
  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_BYTE_PAIR_H_
