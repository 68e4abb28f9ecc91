// SPDX-License-Identifier: Apache-2.0
//
// Job is a request that was accepted: the one object that moves through the daemon. It ends exactly
// once, in one of four states; whoever ends it replies.
//
// Lives on the io_context's thread, owned by the JobTable. Only `cancel`, `begun` and
// `preview_out` are shared with an instance's lane.

#ifndef DARKROOM_QUEUE_JOB_H_
#define DARKROOM_QUEUE_JOB_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/saved_state.h"
#include "core/trace_context.h"
#include "message/request.h"
#include "queue/job_class.h"
#include "queue/tenant.h"
#include "queue/wait_clock.h"

namespace darkroom {

struct Job;
class JobSink;
struct Model;
struct ModelContract;

// Who runs a job at the moment.
class JobRunner {
 public:
  virtual ~JobRunner() = default;
  // The job's cancel flag was set: whoever runs it is to look.
  virtual void Cancel(const Job& job) = 0;
  // Ends what runs the job, with everything else that runs there; all of it comes back. False:
  // that cannot be done.
  virtual bool Stop(const Job& job, const Status& why) = 0;
};

enum class JobState : uint8_t { kQueued, kRunning, kSucceeded, kFailed, kCancelled, kExpired };

std::string_view JobStateName(JobState state);
std::optional<JobState> JobStateByName(std::string_view name);
inline bool IsTerminal(JobState state) { return state > JobState::kRunning; }

// The state that a job with this outcome ends in.
JobState TerminalState(Code code);

// What has become of the requests that came one way.
struct EndpointStats {
  uint64_t requests = 0;
  uint64_t answered = 0;  // of jobs that were accepted
  uint64_t errors = 0;
  uint64_t processing_ns = 0;  // from acceptance to the answer, of all that were answered
  std::string last_error;
};

// A result that was put into the object store, and is not in the reply.
struct StoredResult {
  std::string content_type;
  std::string url;
};

// What a job is in a trace.
struct JobTrace {
  TraceContext context;  // that is told on: of the job's own span, where it is recorded
  std::string parent;    // the span that the request came from; empty: the trace begins here
  bool recorded = false;
  std::chrono::steady_clock::time_point returned{};  // when its result was here
};

struct Job {
  using Clock = std::chrono::steady_clock;

  uint64_t token = 0;  // unique in this process; rises with acceptance
  std::string id;
  std::shared_ptr<Model> model;
  std::shared_ptr<const ModelContract> contract;  // that the request was understood by
  std::shared_ptr<EndpointStats> stats;           // of the way it came; may be nullptr
  JobSink* sink = nullptr;  // who is told of its end; nullptr: whoever awaits the reply
  Request request;
  std::shared_ptr<const std::string>
      params;  // JSON, checked and complete; often shared by many jobs

  JobClass job_class = JobClass::kInteractive;
  std::shared_ptr<Tenant> tenant;  // never nullptr once it was accepted
  bool had_more_memory = false;    // for which its model was loaded again, for its sake
  double load_ms = 0;              // that it has waited for its model to be loaded
  WaitClock::Totals waits_from{};  // of its model's clock, when it was accepted
  std::string waited;              // what for, as WaitText says it
  double charged_ms = 0;           // of a lane's time, to the tenant, when it was last given out

  JobState state = JobState::kQueued;
  JobRunner* runner = nullptr;  // while it runs
  // When it was told to stop, for its deadline or because it was cancelled; the epoch: it was not.
  Clock::time_point told_to_stop{};
  uint32_t attempts = 0;
  std::vector<std::string> history;  // how earlier attempts ended, in words
  // Where it was last, as far as that is known, of a plugin that runs jobs in steps; nullptr: it
  // begins anew.
  std::shared_ptr<const SavedState> saved;
  std::shared_ptr<const SavedState> went_on_from;  // the attempt that runs, or ran last
  std::chrono::milliseconds save_every{0};         // 0: never
  Clock::time_point accepted{};
  Clock::time_point started{};  // of the last attempt
  Clock::time_point deadline{};
  bool stuck = false;  // it has ended, but a plugin in the daemon still has it
  std::atomic<int32_t> cancel{0};
  std::atomic<uint32_t> begun{0};  // where it runs in the daemon: the thread that has begun with it

  std::optional<StoredResult> stored;
  JobTrace trace;

  double progress = 0;
  std::string stage;
  Clock::time_point progress_sent{};
  std::atomic<uint32_t> preview_out{0};  // a preview is on its way here
  uint32_t previews = 0;                 // that were told
  Clock::time_point preview_sent{};
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_JOB_H_
