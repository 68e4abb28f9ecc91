// SPDX-License-Identifier: Apache-2.0
//
// The replier gives each request its one final answer, a result or an error, and progress before it
// where that was asked for.
//
// For the io_context's thread; bodies are formed on the publisher's.

#ifndef DARKROOM_REPLY_REPLIER_H_
#define DARKROOM_REPLY_REPLIER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "host/host_api.h"
#include "message/publisher.h"
#include "message/reply_form.h"
#include "message/request.h"
#include "queue/job.h"
#include "reply/receipt.h"

namespace darkroom {

// The same messages for other subjects than a requester's, with more headers.
std::unique_ptr<Publication> ResultMessage(std::string subject, ReplyForm::Body form,
                                           Receipt receipt, std::vector<host::Output> outputs,
                                           PlainPublication::Headers headers);
std::unique_ptr<Publication> ObjectMessage(std::string subject, StoredResult stored,
                                           Receipt receipt, PlainPublication::Headers headers);
std::unique_ptr<Publication> ErrorMessage(std::string subject, Receipt receipt, Status status,
                                          PlainPublication::Headers headers);

class Replier {
 public:
  // `prefix` is the first token of our subjects.
  Replier(Publisher* publisher, std::string prefix);

  // Whether the outputs can be sent at all; otherwise too_large, with the limit. To be asked before
  // Result, since a result that cannot be sent is a failure of the job.
  Status CheckSize(ReplyForm::Body form, const std::vector<host::Output>& outputs);

  // Whether they are too many bytes for a message, of which `inline_bytes` at most is wanted: they
  // are to be stored.
  bool IsForStore(ReplyForm::Body form, const std::vector<host::Output>& outputs,
                  uint64_t inline_bytes) const;

  // Answers a request that is done with. It is freed with the reply, on the publisher's thread.
  void Result(Request request, Receipt receipt, std::vector<host::Output> outputs);
  void Result(const Request& request, Receipt receipt, StoredResult stored);
  // Nothing is sent if `subject` is empty.
  void Error(std::string subject, Receipt receipt, Status status, uint32_t retry_after_s = 0);
  void Progress(const Job& job);
  // Nothing is sent of one that is too large for a message.
  void Preview(const Job& job, Buffer jpeg);

 private:
  std::string ProgressSubject(const Job& job) const;

  Publisher* publisher_;
  std::string prefix_;
};

}  // namespace darkroom

#endif  // DARKROOM_REPLY_REPLIER_H_
