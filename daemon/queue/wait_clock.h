// SPDX-License-Identifier: Apache-2.0
//
// WaitClock knows what jobs of a model have waited for, as time went by: it is told whenever that
// changes, and a job takes the time between its acceptance and its start from it.
//
// A plain value of the io_context's thread.

#ifndef DARKROOM_QUEUE_WAIT_CLOCK_H_
#define DARKROOM_QUEUE_WAIT_CLOCK_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "queue/job_class.h"

namespace darkroom {

// The last three: a lane, which had jobs of that class.
enum class WaitFor : uint8_t { kRoom, kLoading, kInteractive, kNormal, kBulk };

inline WaitFor WaitForClass(JobClass has_it) {
  return static_cast<WaitFor>(static_cast<uint8_t>(WaitFor::kInteractive) +
                              static_cast<uint8_t>(has_it));
}

class WaitClock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Totals = std::array<double, 5>;  // milliseconds

  // From now on they wait for that.
  void Set(WaitFor cause, Time now);

  WaitFor cause() const { return cause_; }
  Totals At(Time now) const;

 private:
  WaitFor cause_ = WaitFor::kRoom;
  Time since_{};  // the epoch: nothing has happened yet
  Totals totals_{};
};

// What a job of the class waited for between the two, in words and whole milliseconds, such as
// "room=120, urgent=31": room on a device, loading, more urgent jobs, and otherwise the device.
// Empty: not for as long as a millisecond.
std::string WaitText(const WaitClock::Totals& from, const WaitClock::Totals& to,
                     JobClass job_class);

// What one that waits for `cause` now waits for, in the same word.
std::string WaitWord(WaitFor cause, JobClass job_class);

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_WAIT_CLOCK_H_
