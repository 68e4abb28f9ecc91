// SPDX-License-Identifier: Apache-2.0
//
// Vocabulary holds a tokenizer's tokens and their numbers, both ways.
//
// Built by one thread, then immutable: any thread may read. It owns its texts; views of them are
// valid as long as it is.

#ifndef DARKROOM_PLUGINS_COMMON_TEXT_VOCABULARY_H_
#define DARKROOM_PLUGINS_COMMON_TEXT_VOCABULARY_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace darkroom {

class Vocabulary {
 public:
  // No real vocabulary comes near this. It bounds what one number in a file can make us allocate.
  static constexpr int64_t kMaxId = 4'000'000;

  // Numbers need not be without gaps. Throws Error (DR_FAILED_PRECONDITION) for a number outside
  // [0, kMaxId], and for a token or a number that is there already, unless they go together.
  void Add(std::string_view token, int64_t id);

  std::optional<int64_t> Find(std::string_view token) const;
  // Empty for a number without a token.
  std::string_view TokenOf(int64_t id) const;
  // One more than the largest number.
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  std::deque<std::string> texts_;  // its elements stay where they are, for the views below
  std::unordered_map<std::string_view, int64_t> ids_;
  std::vector<const std::string*> tokens_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_TEXT_VOCABULARY_H_
