// SPDX-License-Identifier: Apache-2.0
//
// OperatorControl answers three control verbs: `config`, the configuration that the daemon runs by,
// without secrets; `reconfigure`, which has it read its files again as SIGHUP does; and `drain`,
// which ends it as SIGTERM does (docs/protocol.md, "Control").
//
// For the io_context's thread.

#ifndef DARKROOM_CONTROL_OPERATOR_CONTROL_H_
#define DARKROOM_CONTROL_OPERATOR_CONTROL_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/status.h"
#include "message/message.h"
#include "message/publisher.h"
#include "reply/replier.h"

namespace darkroom {

class OperatorControl {
 public:
  using Answered = std::function<void(Result<nlohmann::json>)>;

  struct Parts {
    std::string host;
    const nlohmann::ordered_json& config;  // as it may be shown
    std::function<size_t()> jobs;          // how many are in the daemon
    std::function<bool()> drain;           // begins it; false if it has begun already
    // Begins it. `answer` is called once: when it is over, if `wait`, else when the files are found
    // good.
    std::function<void(bool wait, Answered answer)> reload;
    Publisher& publisher;  // must outlive this, as must
    Replier& replier;      // this one
  };

  explicit OperatorControl(Parts parts) : parts_(std::move(parts)) {}

  // The verbs it answers, each the last token of a subject.
  static const std::vector<std::string>& Verbs();

  void Answer(const std::string& verb, const Message& message);

 private:
  void Drain(std::string reply);
  void Reload(std::string reply, bool wait);
  void Refuse(std::string reply, Status status);
  void Publish(std::string reply, const nlohmann::json& answer);

  Parts parts_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_OPERATOR_CONTROL_H_
