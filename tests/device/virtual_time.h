// SPDX-License-Identifier: Apache-2.0
//
// VirtualTime runs what is to be done in the order of its time, and of its coming where the time is
// the same. No time passes: the clock jumps from one event to the next.
//
// For tests; one thread.

#ifndef DARKROOM_TESTS_DEVICE_VIRTUAL_TIME_H_
#define DARKROOM_TESTS_DEVICE_VIRTUAL_TIME_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "queue/job.h"

namespace darkroom {

class VirtualTime {
 public:
  using Time = Job::Clock::time_point;
  using Action = std::function<void()>;

  static Job::Clock::duration Ms(double ms) {
    return std::chrono::duration_cast<Job::Clock::duration>(
        std::chrono::duration<double, std::milli>(ms));
  }

  Time now() const { return now_; }
  double now_ms() const {
    return std::chrono::duration<double, std::milli>(now_.time_since_epoch()).count();
  }

  void At(Time time, Action action) {
    events_.push({std::max(time, now_), ++last_, std::move(action)});
  }
  void After(double ms, Action action) { At(now_ + Ms(ms), std::move(action)); }
  // Behind what is to be done at this time already, as an io_context's post does.
  void Post(Action action) { At(now_, std::move(action)); }

  // Goes on until nothing is to be done any more, or `end`. `watch`: after each event.
  void Run(Time end, const Action& watch) {
    while (!events_.empty() && events_.top().time <= end) {
      const Action action = events_.top().action;
      now_ = events_.top().time;
      events_.pop();
      action();
      watch();
    }
  }

 private:
  struct Event {
    Time time;
    uint64_t order;
    Action action;

    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };

  Time now_{};
  uint64_t last_ = 0;
  std::priority_queue<Event> events_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_VIRTUAL_TIME_H_
