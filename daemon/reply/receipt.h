// SPDX-License-Identifier: Apache-2.0
//
// The receipt: headers that say what made a reply, so that it can be told later from the reply
// alone (docs/protocol.md, "Replies").
//
// Plain values; sealed into headers on the publisher's thread.

#ifndef DARKROOM_REPLY_RECEIPT_H_
#define DARKROOM_REPLY_RECEIPT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "core/trace_context.h"
#include "device/device.h"
#include "host/host_api.h"
#include "message/publisher.h"
#include "queue/job.h"
#include "reply/job_spans.h"

namespace darkroom {

// What all replies of a model have in common.
struct ModelReceipt {
  std::string model;
  std::string plugin;   // id, version, digest
  std::string weights;  // digest; empty: none, or not known
  std::string host;
};

struct Receipt {
  std::shared_ptr<const ModelReceipt> model;
  std::string job;
  std::string device;  // empty: no device was touched
  double queue_ms = 0;
  std::string waited;  // for what, in words; empty: it hardly did
  double load_ms = 0;
  double run_ms = 0;
  std::string seed;  // empty: the model has none
  uint32_t attempts = 0;
  uint32_t resumed_at = 0;  // the step that the last attempt went on at; 0: it made all of them
  TraceContext trace;
  std::shared_ptr<JobSpans> spans;  // that end when the reply is out; nullptr: nobody records them

  void WriteTo(Envelope* envelope) const;
};

// What there is to say of a job that has ended, save of its model.
Receipt ReceiptOf(const Job& job, const host::JobResult& result, const Device* device);

// The headers that tell a trace on; none, if there is none.
void WriteTrace(const TraceContext& trace, Envelope* envelope);

}  // namespace darkroom

#endif  // DARKROOM_REPLY_RECEIPT_H_
