// SPDX-License-Identifier: Apache-2.0

#include "message/message.h"

#include <nats/nats.h>

namespace darkroom {

Message::~Message() { natsMsg_Destroy(message_); }

std::string_view Message::subject() const { return natsMsg_GetSubject(message_); }

std::string_view Message::reply() const {
  const char* reply = natsMsg_GetReply(message_);
  return reply == nullptr ? std::string_view() : reply;
}

Bytes Message::data() const {
  return {reinterpret_cast<const std::byte*>(natsMsg_GetData(message_)),
          static_cast<size_t>(natsMsg_GetDataLength(message_))};
}

std::optional<std::string_view> Message::Header(const char* name) const {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message_, name, &value) != NATS_OK || value == nullptr) return {};
  return value;
}

}  // namespace darkroom
