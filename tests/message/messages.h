// SPDX-License-Identifier: Apache-2.0
//
// Messages for tests, as NATS.c makes them. Any thread.

#ifndef DARKROOM_TESTS_MESSAGE_MESSAGES_H_
#define DARKROOM_TESTS_MESSAGE_MESSAGES_H_

#include <nats/nats.h>

#include <string>
#include <utility>
#include <vector>

#include "message/message.h"

namespace darkroom {

inline Message MakeMessage(const std::string& body,
                           const std::vector<std::pair<std::string, std::string>>& headers = {}) {
  nats_Open(-1);  // NATS.c frees messages with what this sets up; further calls do nothing
  natsMsg* message = nullptr;
  natsMsg_Create(&message, "darkroom.run.test", "_INBOX.1", body.data(),
                 static_cast<int>(body.size()));
  for (const auto& [name, value] : headers) {
    natsMsgHeader_Set(message, name.c_str(), value.c_str());
  }
  return Message(message);
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_MESSAGE_MESSAGES_H_
