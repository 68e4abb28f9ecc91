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
  static const std::vector<std::string> kVerbs = {"config", "drain", "reconfigure"};
  return kVerbs;
}

void OperatorControl::Answer(const std::string& verb, const Message& message) {
  std::string reply(message.reply());
  if (verb == "config") {
    return Publish(std::move(reply), {{"host", parts_.host}, {"config", parts_.config}});
  }
  const std::string_view text = AsText(message.data());
  const auto body = ParseJson(text.empty() ? "{}" : text, {});
  if (!body.ok() || !body->is_object()) {
    return Refuse(std::move(reply),
                  Status::InvalidArgument("the body must be an object", kExample));
  }
  const auto host = body->find("host");
  const auto all = body->find("all");
  const bool names_us = host != body->end() && host->is_string() && *host == parts_.host;
  // Nobody is to stop every daemon by leaving something out.
  if (host == body->end() && (all == body->end() || *all != true)) {
    return Refuse(std::move(reply),
                  Status::InvalidArgument("the body says of no daemon that it is meant", kExample));
  }
  if (host != body->end() && !names_us) return;  // meant for another daemon
  if (verb == "drain") return Drain(std::move(reply));
  const auto wait = body->find("wait");
  Reload(std::move(reply), wait != body->end() && *wait == true);
}

void OperatorControl::Drain(std::string reply) {
  const size_t jobs = parts_.jobs();
  const bool begun = parts_.drain();
  Publish(std::move(reply),
          {{"host", parts_.host}, {"state", "draining"}, {"jobs", jobs}, {"begun", begun}});
}

void OperatorControl::Reload(std::string reply, bool wait) {
  parts_.reload(wait, [this, reply = std::move(reply)](Result<json> answer) {
    if (!answer.ok()) return Refuse(reply, answer.status());
    (*answer)["host"] = parts_.host;
    Publish(reply, *answer);
  });
}

void OperatorControl::Refuse(std::string reply, Status status) {
  if (reply.empty()) return;
  auto us = std::make_shared<ModelReceipt>();
  us->host = parts_.host;
  Receipt receipt;
  receipt.model = std::move(us);
  parts_.replier.Error(std::move(reply), std::move(receipt), std::move(status));
}

void OperatorControl::Publish(std::string reply, const json& answer) {
  if (reply.empty()) return;
  parts_.publisher.Publish(std::make_unique<ControlAnswer>(std::move(reply), answer));
}

}  // namespace darkroom
