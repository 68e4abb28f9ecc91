// SPDX-License-Identifier: Apache-2.0
//
// LogTail keeps the last lines that came from one place, for whoever asks later what happened
// there.
//
// Any thread.

#ifndef DARKROOM_WORKER_LOG_TAIL_H_
#define DARKROOM_WORKER_LOG_TAIL_H_

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

class LogTail {
 public:
  static constexpr size_t kLines = 30;
  static constexpr size_t kLongest = 500;  // of a line, in bytes; the rest is cut

  void Add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (lines_.size() == kLines) lines_.pop_front();
    lines_.emplace_back(line.substr(0, kLongest));
  }

  // Oldest first.
  std::vector<std::string> Lines() const {
    const std::lock_guard lock(mutex_);
    return {lines_.begin(), lines_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_LOG_TAIL_H_
