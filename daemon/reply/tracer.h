// SPDX-License-Identifier: Apache-2.0
//
// Tracer says which trace a job belongs to, and makes the spans of one that is recorded when it
// ends (docs/operations.md, "Traces").
//
// For the io_context's thread.

#ifndef DARKROOM_REPLY_TRACER_H_
#define DARKROOM_REPLY_TRACER_H_

#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "core/trace_context.h"
#include "device/device.h"
#include "host/host_api.h"
#include "message/message.h"
#include "queue/job.h"
#include "reply/job_spans.h"

namespace darkroom {

// The trace that a message says it belongs to.
TraceContext TraceOf(const Message& message);

class Tracer {
 public:
  // `ratio`: part of the traces that begin here which is recorded. Without `take` none is, and what
  // requests say of theirs is passed on.
  Tracer(double ratio, JobSpans::Take take);

  // A job's trace: the message's, or a new one. `durable`: the id of a durable job, whose attempts
  // on all hosts are in one trace that way; empty: it is none.
  JobTrace Begin(const Message& message, std::string_view durable);

  // The spans of a job that has ended at `job.trace.returned`, or now; nullptr: it is not recorded.
  std::shared_ptr<JobSpans> End(const Job& job, const host::JobResult& result,
                                const Device* device);

 private:
  std::string MakeId(size_t digits);

  const double ratio_;
  const JobSpans::Take take_;
  std::mt19937_64 random_;
};

}  // namespace darkroom

#endif  // DARKROOM_REPLY_TRACER_H_
