// SPDX-License-Identifier: Apache-2.0
//
// An answer to a control request: a JSON object. What could not be done is answered as any request
// is, by the replier.
//
// Made on the io_context's thread, sealed on the publisher's.

#ifndef DARKROOM_CONTROL_CONTROL_ANSWER_H_
#define DARKROOM_CONTROL_CONTROL_ANSWER_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/status.h"
#include "message/publisher.h"

namespace darkroom {

// Of what failed earlier, as answers list it: {code, message, hint}.
nlohmann::json ErrorJson(const Status& status);

class ControlAnswer : public Publication {
 public:
  ControlAnswer(std::string subject, const nlohmann::json& answer);
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t max_payload, Envelope* envelope) override;

 private:
  const std::string subject_;
  const std::string text_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_CONTROL_ANSWER_H_
