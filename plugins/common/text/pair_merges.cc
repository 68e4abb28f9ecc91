// SPDX-License-Identifier: Apache-2.0

#include "common/text/pair_merges.h"

#include <darkroom/plugin.hpp>
#include <functional>
#include <queue>
#include <tuple>

#include "common/quoted.h"

namespace darkroom {
namespace {

constexpr int32_t kNone = -1;

struct Symbol {
  int32_t id;  // kNone once it has been joined to its left neighbour
  int32_t previous;
  int32_t next;
};

}  // namespace

PairMerges::PairMerges(const Vocabulary& vocabulary, const List& merges) {
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto id_of = [&](const std::string& token) {
      const auto id = vocabulary.Find(token);
      if (!id.has_value())
        throw Error(DR_FAILED_PRECONDITION,
                    "merge " + std::to_string(rank + 1) + ", " + Quoted(left + " " + right) +
                        ", needs the token " + Quoted(token) +
                        ", which is not in the vocabulary: do the two files belong together?");
      return static_cast<int32_t>(*id);
    };
    merges_[KeyOf(id_of(left), id_of(right))] = {static_cast<uint32_t>(rank), id_of(left + right)};
  }
}

void PairMerges::Join(std::span<const int32_t> word, std::vector<int64_t>* ids) const {
  if (word.empty()) return;
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (const int32_t id : word) {
    const auto place = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, place - 1, place + 1});
  }
  symbols.back().next = kNone;

  // What may be joined: rank, place of the left one, result. An entry whose symbols have changed
  // since is known by its result, and skipped.
  using Candidate = std::tuple<uint32_t, int32_t, int32_t>;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto offer = [&](int32_t left) {
    const int32_t right = left == kNone ? kNone : symbols[static_cast<size_t>(left)].next;
    if (right == kNone) return;
    const auto merge = merges_.find(
        KeyOf(symbols[static_cast<size_t>(left)].id, symbols[static_cast<size_t>(right)].id));
    if (merge != merges_.end()) candidates.emplace(merge->second.rank, left, merge->second.joined);
  };
  for (size_t at = 0; at + 1 < symbols.size(); ++at) offer(static_cast<int32_t>(at));

  while (!candidates.empty()) {
    const auto [rank, place, joined] = candidates.top();
    candidates.pop();
    Symbol& left = symbols[static_cast<size_t>(place)];
    if (left.id == kNone || left.next == kNone) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    const auto merge = merges_.find(KeyOf(left.id, right.id));
    if (merge == merges_.end() || merge->second.joined != joined) continue;
    left.id = joined;
    left.next = right.next;
    right.id = kNone;
    if (left.next != kNone) symbols[static_cast<size_t>(left.next)].previous = place;
    offer(left.previous);
    offer(place);
  }
  for (int32_t at = 0; at != kNone; at = symbols[static_cast<size_t>(at)].next)
    ids->push_back(symbols[static_cast<size_t>(at)].id);
}

}  // namespace darkroom
