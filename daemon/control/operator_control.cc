// SPDX-License-Identifier: Apache-2.0

#include "control/operator_control.h"

#include <memory>
#include <utility>

#include "control/control_answer.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr const char* kExample = R"(send {"host": "gpu-7"} for one daemon, {"all": true} for all)";

}  // namespace

const std::vector<std::string>& OperatorControl::Verbs() {
  static const std::vector<std::string> kVerbs = {"config", "drain"};
  return kVerbs;
}

void OperatorControl::Answer(const std::string& verb, const Message& message) {
  if (verb == "drain") return Drain(message);
  Publish(message, {{"host", parts_.host}, {"config", parts_.config}});
}

void OperatorControl::Drain(const Message& message) {
  const std::string_view text = AsText(message.data());
  const auto body = ParseJson(text.empty() ? "{}" : text, {});
  if (!body.ok() || !body->is_object()) {
    return Refuse(message, Status::InvalidArgument("the body must be an object", kExample));
  }
  const auto host = body->find("host");
  const auto all = body->find("all");
  const bool names_us = host != body->end() && host->is_string() && *host == parts_.host;
  // Nobody is to stop every daemon by leaving something out.
  if (host == body->end() && (all == body->end() || *all != true)) {
    return Refuse(message,
                  Status::InvalidArgument("the body says of no daemon to drain", kExample));
  }
  if (host != body->end() && !names_us) return;  // meant for another daemon
  const size_t jobs = parts_.jobs();
  const bool begun = parts_.drain();
  Publish(message,
          {{"host", parts_.host}, {"state", "draining"}, {"jobs", jobs}, {"begun", begun}});
}

void OperatorControl::Refuse(const Message& message, Status status) {
  if (message.reply().empty()) return;
  auto us = std::make_shared<ModelReceipt>();
  us->host = parts_.host;
  Receipt receipt;
  receipt.model = std::move(us);
  parts_.replier.Error(std::string(message.reply()), std::move(receipt), std::move(status));
}

void OperatorControl::Publish(const Message& message, const json& answer) {
  if (message.reply().empty()) return;
  parts_.publisher.Publish(std::make_unique<ControlAnswer>(std::string(message.reply()), answer));
}

}  // namespace darkroom
