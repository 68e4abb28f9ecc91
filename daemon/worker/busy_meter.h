// SPDX-License-Identifier: Apache-2.0
//
// BusyMeter tells which part of the time something was at work of late: a moving mean over about
// half a minute.
//
// A plain value of the io_context's thread.

#ifndef DARKROOM_WORKER_BUSY_METER_H_
#define DARKROOM_WORKER_BUSY_METER_H_

#include <chrono>
#include <cmath>

#include "core/times.h"

namespace darkroom {

class BusyMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // From now on it is at work, or is not.
  void Set(bool busy, Time now) {
    part_ = Part(now);
    since_ = now;
    busy_ = busy;
  }
  // 0 to 1.
  double Part(Time now) const {
    if (since_ == Time()) return 0;
    const double kept = std::exp(-Ms(now - since_) / kMeanMs);
    return part_ * kept + (busy_ ? 1 - kept : 0);
  }

 private:
  static constexpr double kMeanMs = 30'000;

  bool busy_ = false;
  Time since_{};  // the epoch: it never was
  double part_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_BUSY_METER_H_
