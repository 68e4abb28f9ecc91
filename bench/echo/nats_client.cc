// SPDX-License-Identifier: Apache-2.0

#include "echo/nats_client.h"

namespace darkroom {

Status FromNats(natsStatus status, const std::string& what) {
  if (status == NATS_OK) return Status::Ok();
  return Status::Internal(what + ": " + natsStatus_GetText(status));
}

Result<NatsConnection> ConnectNats(const std::string& url, const char* name,
                                   natsErrHandler on_error, void* closure) {
  natsOptions* raw = nullptr;
  natsOptions_Create(&raw);
  const std::unique_ptr<natsOptions, NatsDeleter> options(raw);
  natsOptions_SetURL(raw, url.c_str());
  natsOptions_SetName(raw, name);
  natsOptions_SetAllowReconnect(raw, false);
  natsOptions_SetErrorHandler(raw, on_error, closure);
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, raw);
  if (status != NATS_OK) return FromNats(status, "cannot connect to " + url);
  return NatsConnection(connection);
}

Result<std::string> MakeInbox() {
  natsInbox* inbox = nullptr;
  Status status = FromNats(natsInbox_Create(&inbox), "cannot make an inbox");
  if (!status.ok()) return status;
  std::string prefix = std::string(inbox) + ".";
  natsInbox_Destroy(inbox);
  return prefix;
}

ReplyError ErrorOf(natsMsg* message, std::string* detail) {
  if (natsMsg_IsNoResponders(message)) return ReplyError::kUnreached;
  const char* error = nullptr;
  if (natsMsgHeader_Get(message, "Nats-Service-Error", &error) == NATS_OK) {
    *detail = error;
    return ReplyError::kService;
  }
  return ReplyError::kNone;
}

}  // namespace darkroom
