// SPDX-License-Identifier: Apache-2.0
//
// TraceExporter sends spans to a collector, many at a time, from a thread of its own: a collector
// that is slow or away costs no job anything. What waits for it is bounded; what is beyond is
// dropped, and counted.
//
// Any thread; Finish once.

#ifndef DARKROOM_CONTROL_TRACE_EXPORTER_H_
#define DARKROOM_CONTROL_TRACE_EXPORTER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "control/trace_post.h"
#include "core/log.h"
#include "reply/span.h"

namespace darkroom {

// What has become of spans.
struct SpanCounts {
  uint64_t exported = 0;
  uint64_t dropped = 0;   // too many were waiting, or the daemon ended
  uint64_t rejected = 0;  // the collector would not have them, or could not be reached for long
};

class TraceExporter {
 public:
  // `host`: the daemon's name.
  TraceExporter(TracingConfig config, std::string host, Logger& log);
  ~TraceExporter();

  // Spans to be sent. Never waits.
  void Take(std::vector<Span> spans);
  // Sends what waits, if that can be done within the time, and ends.
  void Finish(std::chrono::milliseconds time);

  SpanCounts counts() const;

 private:
  using Clock = std::chrono::steady_clock;

  void Work();
  void Send(const std::vector<Span>& spans);
  // False: the daemon ends, and has no time for that.
  bool WaitUntil(Clock::time_point then);
  std::chrono::milliseconds TimeLeft() const;  // for one request
  void Complain(const PostAnswer& answer);

  const TracingConfig config_;
  const std::string host_;
  Logger& log_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Span> waiting_;   // guarded by mutex_
  SpanCounts counts_;          // guarded by mutex_
  bool stopping_ = false;      // guarded by mutex_
  bool ended_ = false;         // guarded by mutex_
  Clock::time_point until_{};  // guarded by mutex_; when stopping: when to give up
  // The thread's own.
  Clock::time_point complained_{};
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_TRACE_EXPORTER_H_
