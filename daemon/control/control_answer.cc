// SPDX-License-Identifier: Apache-2.0

#include "control/control_answer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"

namespace darkroom {

nlohmann::json ErrorJson(const Status& status) {
  return {
      {"code", CodeName(status.code())}, {"message", status.message()}, {"hint", status.hint()}};
}

ControlAnswer::ControlAnswer(std::string subject, const nlohmann::json& answer)
    : subject_(std::move(subject)), text_(WriteJson(answer)) {}

void ControlAnswer::Seal(uint64_t, Envelope* envelope) {
  envelope->Header("Content-Type", "application/json");
  envelope->Body(Buffer::Copy(AsBytes(text_)));
}

}  // namespace darkroom
