// SPDX-License-Identifier: Apache-2.0

#include "message/connection.h"

#include <fmt/format.h>
#include <nats/nats.h>

namespace darkroom {
namespace {

constexpr int64_t kReconnectWaitMs = 250;
constexpr int64_t kReconnectJitterMs = 250;
// Two pings unanswered mean a dead server: 20 to 30 s.
constexpr int64_t kPingIntervalMs = 10'000;
// A write holds the connection's lock; without a deadline a stopped server would hold it, and us,
// for ever.
constexpr int64_t kWriteDeadlineMs = 3'000;

struct FreeOptions {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};

Status Failed(const char* what, natsStatus status) {
  return Status::Internal(fmt::format("NATS: {}: {}", what, natsStatus_GetText(status)));
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const std::vector<std::string>& urls,
                                                     const std::string& name, int reconnect_buffer,
                                                     ConnectionEvents* events) {
  std::unique_ptr<Connection> connection(new Connection(events));
  Status status = connection->Start(urls, name, reconnect_buffer);
  if (!status.ok()) return status;
  return connection;
}

Connection::~Connection() {
  if (nats_ == nullptr) return;
  natsConnection_Close(nats_);
  {
    // Closing only queues the last callbacks; they must not find us gone. OnClosed is the last.
    std::unique_lock lock(mutex_);
    closing_.wait(lock, [this] { return closed_; });
  }
  natsConnection_Destroy(nats_);
}

Status Connection::Start(const std::vector<std::string>& urls, const std::string& name,
                         int reconnect_buffer) {
  natsOptions* raw = nullptr;
  natsStatus status = natsOptions_Create(&raw);
  if (status != NATS_OK) return Failed("options", status);
  const std::unique_ptr<natsOptions, FreeOptions> owner(raw);

  std::vector<const char*> servers;
  for (const std::string& url : urls) servers.push_back(url.c_str());
  status = natsOptions_SetServers(raw, servers.data(), static_cast<int>(servers.size()));
  if (status != NATS_OK) return Failed("server URL", status);

  const auto on_error = [](natsConnection*, natsSubscription*, natsStatus error, void* self) {
    static_cast<Connection*>(self)->events_->OnError(natsStatus_GetText(error));
  };
  const natsStatus set[] = {
      natsOptions_SetName(raw, name.c_str()),
      natsOptions_SetMaxReconnect(raw, -1),
      natsOptions_SetReconnectWait(raw, kReconnectWaitMs),
      natsOptions_SetReconnectJitter(raw, kReconnectJitterMs, kReconnectJitterMs),
      natsOptions_SetReconnectBufSize(raw, reconnect_buffer),
      natsOptions_SetReconnectOnProtocolError(raw, true),
      natsOptions_SetIgnoreAuthErrorAbort(raw, true),
      natsOptions_SetRetryOnFailedConnect(raw, true, OnConnected, this),
      natsOptions_SetPingInterval(raw, kPingIntervalMs),
      natsOptions_SetWriteDeadline(raw, kWriteDeadlineMs),
      natsOptions_UseGlobalMessageDelivery(raw, true),
      natsOptions_SetDisconnectedCB(raw, OnDisconnected, this),
      natsOptions_SetClosedCB(raw, OnClosed, this),
      natsOptions_SetReconnectedCB(raw, OnConnected, this),
      natsOptions_SetErrorHandler(raw, on_error, this),
  };
  for (const natsStatus one : set) {
    if (one != NATS_OK) return Failed("options", one);
  }

  status = natsConnection_Connect(&nats_, raw);
  if (status == NATS_OK) {
    OnConnected(nats_, this);
  } else if (status != NATS_NOT_YET_CONNECTED) {
    return Failed("connect", status);
  }
  return Status::Ok();
}

void Connection::OnConnected(natsConnection* nats, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  self->max_payload_.store(static_cast<uint64_t>(natsConnection_GetMaxPayload(nats)),
                           std::memory_order_relaxed);
  self->connected_.store(true, std::memory_order_release);
  if (self->seen_.exchange(true)) self->reconnects_.fetch_add(1, std::memory_order_relaxed);
  self->events_->OnConnected();
}

void Connection::OnDisconnected(natsConnection*, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  self->connected_.store(false, std::memory_order_release);
  self->events_->OnDisconnected();
}

void Connection::OnClosed(natsConnection*, void* closure) {
  auto* self = static_cast<Connection*>(closure);
  std::lock_guard lock(self->mutex_);
  self->closed_ = true;
  self->closing_.notify_all();  // under the lock: the waiter frees both once it is through
}

}  // namespace darkroom
