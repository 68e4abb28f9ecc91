// SPDX-License-Identifier: Apache-2.0
//
// KeptRequest is a job's message on its way to where it is kept when the job has ended: among the
// dead letters, or among the copies that a job can be run again from. Published to the jobs again
// it is the same job.
//
// Owns the message; nothing of its body is copied.

#ifndef DARKROOM_DURABLE_KEPT_REQUEST_H_
#define DARKROOM_DURABLE_KEPT_REQUEST_H_

#include <string>

#include "message/message.h"
#include "message/publisher.h"

namespace darkroom {

class KeptRequest final : public Publication {
 public:
  // `more` is written instead of the message's own headers of the same names.
  KeptRequest(std::string subject, Message request, PlainPublication::Headers more)
      : subject_(std::move(subject)), request_(std::move(request)), more_(std::move(more)) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t max_payload, Envelope* envelope) override;

 private:
  const std::string subject_;
  Message request_;
  const PlainPublication::Headers more_;
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_KEPT_REQUEST_H_
