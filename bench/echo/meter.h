// SPDX-License-Identifier: Apache-2.0
//
// The Meter collects what a load sees: the time of every good reply that arrives while its window
// is open, and every error whenever it happens. All functions may be called from any thread; the
// lock is all but free, since replies are handled by one thread and the owner calls a handful of
// times.

#ifndef DARKROOM_BENCH_ECHO_METER_H_
#define DARKROOM_BENCH_ECHO_METER_H_

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "echo/slot.h"

namespace darkroom {

struct MeterResult {
  uint64_t requests = 0;  // good replies within the window
  double seconds = 0;     // the window
  double rps = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
  uint64_t errors = 0;
  std::string first_error;  // in words; empty without errors
};

class Meter {
 public:
  Meter();

  void OpenWindow();
  void CloseWindow();

  // A good reply to a request sent at `sent` has arrived at `now`.
  void Reply(BenchClock::time_point sent, BenchClock::time_point now);
  // `detail` may be empty.
  void Error(ReplyError error, const std::string& detail);

  uint64_t errors() const;

  // Sorts what was collected; to be called once, at the end.
  MeterResult Finish();

 private:
  mutable std::mutex mutex_;
  bool open_ = false;  // guarded by mutex_, as are all below
  BenchClock::time_point opened_;
  BenchClock::time_point closed_;
  std::vector<float> latencies_us_;
  uint64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace darkroom

#endif  // DARKROOM_BENCH_ECHO_METER_H_
