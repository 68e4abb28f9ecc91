// SPDX-License-Identifier: Apache-2.0
//
// JobSpans is what a trace will tell of one job: a span for the job, and in it one for each thing
// that it went through: queue, load, decode, infer, encode, publish. It is made when the job ends,
// of the times that are known then, and goes with the reply; whoever has it last lets it go, and
// with that it is handed over.
//
// One thread at a time.

#ifndef DARKROOM_REPLY_JOB_SPANS_H_
#define DARKROOM_REPLY_JOB_SPANS_H_

#include <functional>
#include <string>
#include <vector>

#include "host/host_api.h"
#include "queue/job.h"
#include "reply/span.h"

namespace darkroom {

// A stretch of a job's life.
struct JobPhase {
  const char* name;
  Job::Clock::time_point start;
  Job::Clock::time_point end;
};

// In order, none before the other's start, all between the job's acceptance and `end`, when its
// result was here. Decoding is put at the beginning of the time that the job was on a device, and
// encoding at its end, with running before: of these three their lengths are known, not their
// moments.
std::vector<JobPhase> PhasesOf(const Job& job, const host::JobResult& result,
                               Job::Clock::time_point end);

class JobSpans {
 public:
  // Takes the finished spans over, the job's own first. Called on any thread.
  using Take = std::function<void(std::vector<Span>)>;

  // `spans`: the job's own first. `publish`: that of the reply, which began at `began`.
  JobSpans(std::vector<Span> spans, Span publish, Job::Clock::time_point began, Take take);
  ~JobSpans();
  JobSpans(const JobSpans&) = delete;
  JobSpans& operator=(const JobSpans&) = delete;

  // The reply is out, or could not be sent; the job's span ends with it.
  void Published(bool sent);

 private:
  std::vector<Span> spans_;
  Span publish_;
  const Job::Clock::time_point began_;
  const Take take_;
};

}  // namespace darkroom

#endif  // DARKROOM_REPLY_JOB_SPANS_H_
