// SPDX-License-Identifier: Apache-2.0
//
// PairMerges is the list of merges of a byte-pair vocabulary, and what it does to a word: of the
// neighbours that are in the list the pair that comes first in it is joined, of those the leftmost,
// until no pair is in the list (Sennrich et al., arXiv:1508.07909).
//
// A word of n symbols costs O(n log n), so that a long one cannot hold up the rest.
//
// Immutable once it is made: any thread may join. It keeps nothing of its arguments.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_PAIR_MERGES_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_PAIR_MERGES_H_

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/text/vocabulary.h"

namespace darkroom {

class PairMerges {
 public:
  // The two tokens to be joined, in the order of their rank.
  using List = std::vector<std::pair<std::string, std::string>>;

  // Throws Error (DR_FAILED_PRECONDITION) for a merge whose parts or result are no tokens.
  PairMerges(const Vocabulary& vocabulary, const List& merges);

  // Appends what becomes of a word that begins as `symbols`, tokens of the vocabulary.
  void Join(std::span<const int32_t> symbols, std::vector<int64_t>* ids) const;

 private:
  struct Merge {
    uint32_t rank;
    int32_t joined;
  };

  static uint64_t KeyOf(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) |
           static_cast<uint32_t>(right);
  }

  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_PAIR_MERGES_H_
