// SPDX-License-Identifier: Apache-2.0
//
// LogLimit lets so many lines a second through, and counts the others: a plugin that logs without
// end must not fill the journal or keep the daemon from its work.
//
// Any thread.

#ifndef DARKROOM_WORKER_LOG_LIMIT_H_
#define DARKROOM_WORKER_LOG_LIMIT_H_

#include <chrono>
#include <cstdint>
#include <mutex>

namespace darkroom {

class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr uint32_t kLinesASecond = 200;

  // Whether a line may go out now. `*dropped`: how many did not since the last that did; with this
  // one, if it may not, so that whoever sees 1 can say that a gap begins.
  bool Admit(Clock::time_point now, uint64_t* dropped) {
    const std::lock_guard lock(mutex_);
    if (now - start_ >= std::chrono::seconds(1)) {
      start_ = now;
      lines_ = 0;
    }
    if (lines_ >= kLinesASecond) {
      *dropped = ++dropped_;
      return false;
    }
    ++lines_;
    *dropped = dropped_;
    dropped_ = 0;
    return true;
  }

 private:
  std::mutex mutex_;
  Clock::time_point start_{};  // of the second that is counted
  uint32_t lines_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_LOG_LIMIT_H_
