// SPDX-License-Identifier: Apache-2.0

#include "host/error_words.h"

#include <utility>

namespace darkroom::host {

void ErrorWords::Set(std::string_view words) {
  const std::lock_guard lock(mutex_);
  if (words_.size() >= kMaxThreads) words_.clear();
  words_[std::this_thread::get_id()] = words.substr(0, kMaxBytes);
  any_.store(true, std::memory_order_relaxed);
}

std::string ErrorWords::Take() {
  // A thread sees its own store, so what it has set itself is never missed.
  if (!any_.load(std::memory_order_relaxed)) return {};
  const std::lock_guard lock(mutex_);
  const auto found = words_.find(std::this_thread::get_id());
  if (found == words_.end()) return {};
  std::string words = std::move(found->second);
  words_.erase(found);
  if (words_.empty()) any_.store(false, std::memory_order_relaxed);
  return words;
}

}  // namespace darkroom::host
