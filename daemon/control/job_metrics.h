// SPDX-License-Identifier: Apache-2.0
//
// JobMetrics counts what becomes of jobs, and keeps the last errors, for /metrics and /statusz
// (docs/operations.md names each series). Labels are names of the configuration and of closed
// lists, never ids or what a request says, so that there are only so many series.
//
// For the io_context's thread.

#ifndef DARKROOM_CONTROL_JOB_METRICS_H_
#define DARKROOM_CONTROL_JOB_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "host/host_api.h"
#include "queue/job.h"

namespace darkroom {

class JobMetrics {
 public:
  struct Error {
    std::chrono::system_clock::time_point when;
    std::string job;  // empty: it was none yet
    std::string model;
    Status status;
  };
  static constexpr size_t kErrorsKept = 20;

  JobMetrics();
  JobMetrics(const JobMetrics&) = delete;
  JobMetrics& operator=(const JobMetrics&) = delete;

  // A job has ended; `result` is what came of its last attempt.
  void Ended(const Job& job, const host::JobResult& result);
  // What was to be a job for this model is none.
  void Refused(const std::string& model, const std::string& job, const Status& why);
  // A durable job failed for good.
  void DeadLettered(const std::string& model);

  std::vector<prometheus::MetricFamily> Collect() const { return registry_.Collect(); }
  const std::deque<Error>& errors() const { return errors_; }  // the newest first

 private:
  enum Phase : size_t { kQueue, kLoad, kDecode, kInfer, kEncode, kPhases };

  // A model's series, found once.
  struct OfModel {
    std::array<prometheus::Histogram*, kPhases> phases{};
    prometheus::Histogram* batch_size = nullptr;
    prometheus::Counter* retries = nullptr;
    // By class and final state, which are few.
    std::map<std::pair<JobClass, JobState>, prometheus::Counter*> jobs;
  };

  OfModel& Of(const std::string& model);
  void Keep(const std::string& model, const std::string& job, const Status& status);

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& jobs_;
  prometheus::Family<prometheus::Histogram>& durations_;
  prometheus::Family<prometheus::Histogram>& batch_sizes_;
  prometheus::Family<prometheus::Counter>& retries_;
  prometheus::Family<prometheus::Counter>& resumed_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& dead_letters_;
  std::map<std::string, OfModel> models_;
  std::deque<Error> errors_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_JOB_METRICS_H_
