// SPDX-License-Identifier: Apache-2.0

#include "common/text/vocabulary.h"

#include <darkroom/plugin.hpp>

#include "common/quoted.h"

namespace darkroom {

void Vocabulary::Add(std::string_view token, int64_t id) {
  const std::string number = std::to_string(id);
  if (id < 0 || id > kMaxId)
    throw Error(DR_FAILED_PRECONDITION, "token " + Quoted(token) + " has the number " + number +
                                            ", which is not within 0 and " +
                                            std::to_string(kMaxId));
  const auto known = ids_.find(token);
  if (known != ids_.end()) {
    if (known->second == id) return;
    throw Error(DR_FAILED_PRECONDITION, "token " + Quoted(token) + " has two numbers, " +
                                            std::to_string(known->second) + " and " + number);
  }
  const auto at = static_cast<size_t>(id);
  if (at >= tokens_.size()) tokens_.resize(at + 1, nullptr);
  if (tokens_[at] != nullptr)
    throw Error(DR_FAILED_PRECONDITION, "tokens " + Quoted(*tokens_[at]) + " and " + Quoted(token) +
                                            " have the same number, " + number);
  texts_.emplace_back(token);
  tokens_[at] = &texts_.back();
  ids_.emplace(texts_.back(), id);
}

std::optional<int64_t> Vocabulary::Find(std::string_view token) const {
  const auto at = ids_.find(token);
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

std::string_view Vocabulary::TokenOf(int64_t id) const {
  if (id < 0 || id >= size() || tokens_[static_cast<size_t>(id)] == nullptr) return {};
  return *tokens_[static_cast<size_t>(id)];
}

}  // namespace darkroom
