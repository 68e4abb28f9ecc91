// SPDX-License-Identifier: Apache-2.0

#include "message/connection.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <array>
#include <random>
#include <utility>

#include "core/redact.h"

namespace darkroom {
namespace {

// Between rounds through all servers, each with as much again by chance, so that the clients of a
// server that is back do not all come at once. Soon at first, and later not so often.
constexpr int64_t kFirstWaitMs = 250;
constexpr int64_t kLaterWaitMs = 1'000;
constexpr int kFirstAttempts = 20;
// Two pings unanswered mean a dead server: 20 to 30 s.
constexpr int64_t kPingIntervalMs = 10'000;
// A write holds the connection's lock; without a deadline a stopped server would hold it, and us,
// for ever.
constexpr int64_t kWriteDeadlineMs = 3'000;

struct FreeOptions {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};

int64_t AtMost(int64_t most) {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_int_distribution<int64_t>(0, most)(random);
}

std::string LastError(natsConnection* nats) {
  std::array<char, 512> text{};
  natsConnection_ReadLastError(nats, text.data(), text.size());
  return text.data();
}

NatsTrouble KindOf(natsStatus error) {
  switch (error) {
    case NATS_NOT_PERMITTED:
      return NatsTrouble::kPermission;
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_SSL_ERROR:
    case NATS_SECURE_CONNECTION_WANTED:
    case NATS_SECURE_CONNECTION_REQUIRED:
      return NatsTrouble::kLogin;
    case NATS_SLOW_CONSUMER:
      return NatsTrouble::kSlowConsumer;
    default:
      return NatsTrouble::kOther;
  }
}

Status Failed(const char* what, natsStatus status) {
  return Status::Internal(fmt::format("NATS: {}: {}", what, natsStatus_GetText(status)));
}

}  // namespace

struct Connection::Callbacks {
  static void OnConnected(natsConnection* nats, void* closure) {
    auto* self = static_cast<Connection*>(closure);
    self->max_payload_.store(static_cast<uint64_t>(natsConnection_GetMaxPayload(nats)),
                             std::memory_order_relaxed);
    self->lame_duck_.store(false, std::memory_order_relaxed);
    self->connected_.store(true, std::memory_order_release);
    if (self->seen_.exchange(true)) self->reconnects_.fetch_add(1, std::memory_order_relaxed);
    self->events_->OnConnected();
  }

  static void OnDisconnected(natsConnection*, void* closure) {
    auto* self = static_cast<Connection*>(closure);
    self->connected_.store(false, std::memory_order_release);
    self->events_->OnDisconnected();
  }

  static void OnClosed(natsConnection*, void* closure) {
    auto* self = static_cast<Connection*>(closure);
    std::lock_guard lock(self->mutex_);
    self->closed_ = true;
    self->closing_.notify_all();  // under the lock: the waiter frees both once it is through
  }

  static void OnLameDuck(natsConnection* nats, void* closure) {
    auto* self = static_cast<Connection*>(closure);
    self->lame_duck_.store(true, std::memory_order_relaxed);
    std::array<char, 256> url{};
    natsConnection_GetConnectedUrl(nats, url.data(), url.size());
    self->log_->Note(NatsTrouble::kLameDuck, self->purpose_,
                     fmt::format("{} is about to stop", WithoutSecrets(url.data())));
  }

  static void OnError(natsConnection* nats, natsSubscription* subscription, natsStatus error,
                      void* closure) {
    auto* self = static_cast<Connection*>(closure);
    std::string what = LastError(nats);
    if (what.empty()) what = natsStatus_GetText(error);
    if (error == NATS_SLOW_CONSUMER && subscription != nullptr) {
      what = fmt::format("messages to '{}' came faster than they were taken, and were dropped",
                         natsSubscription_GetSubject(subscription));
    }
    self->log_->Note(KindOf(error), self->purpose_, what);
  }

  // How long until the servers are tried again, in milliseconds. That none answers is the
  // disconnection's news; that one refused us is told here alone.
  static int64_t OnRetry(natsConnection* nats, int attempts, void* closure) {
    const natsStatus error = natsConnection_ReadLastError(nats, nullptr, 0);
    if (KindOf(error) == NatsTrouble::kLogin) OnError(nats, nullptr, error, closure);
    const int64_t wait = attempts <= kFirstAttempts ? kFirstWaitMs : kLaterWaitMs;
    return wait + AtMost(wait);
  }
};

Result<std::unique_ptr<Connection>> Connection::Open(const ServerLink& link,
                                                     const std::string& purpose,
                                                     ConnectionEvents* events) {
  std::unique_ptr<Connection> connection(new Connection(link, purpose, events));
  Status status = connection->Start(link);
  if (!status.ok()) return status;
  return connection;
}

Connection::Connection(const ServerLink& link, std::string purpose, ConnectionEvents* events)
    : events_(events), log_(link.log), purpose_(std::move(purpose)), login_(link.login) {}

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

Status Connection::Start(const ServerLink& link) {
  natsOptions* raw = nullptr;
  natsStatus status = natsOptions_Create(&raw);
  if (status != NATS_OK) return Failed("options", status);
  const std::unique_ptr<natsOptions, FreeOptions> owner(raw);

  std::vector<const char*> servers;
  for (const std::string& url : link.urls) servers.push_back(url.c_str());
  status = natsOptions_SetServers(raw, servers.data(), static_cast<int>(servers.size()));
  if (status != NATS_OK) {
    return Status::InvalidArgument(
        fmt::format("nats.url is no server's URL: {}", natsStatus_GetText(status)),
        "such as nats://127.0.0.1:4222");
  }
  if (Status login = login_.Apply(raw); !login.ok()) return login;

  const std::string name = fmt::format("darkroomd {} {}", link.host, purpose_);
  const natsStatus set[] = {
      natsOptions_SetName(raw, name.c_str()),
      // The servers in their order: ServerLink.
      natsOptions_SetNoRandomize(raw, true),
      natsOptions_SetMaxReconnect(raw, -1),
      natsOptions_SetCustomReconnectDelay(raw, Callbacks::OnRetry, this),
      natsOptions_SetReconnectBufSize(raw, 0),
      natsOptions_SetReconnectOnProtocolError(raw, true),
      natsOptions_SetIgnoreAuthErrorAbort(raw, true),
      natsOptions_SetRetryOnFailedConnect(raw, true, Callbacks::OnConnected, this),
      natsOptions_SetPingInterval(raw, kPingIntervalMs),
      natsOptions_SetWriteDeadline(raw, kWriteDeadlineMs),
      natsOptions_UseGlobalMessageDelivery(raw, true),
      natsOptions_SetDisconnectedCB(raw, Callbacks::OnDisconnected, this),
      natsOptions_SetClosedCB(raw, Callbacks::OnClosed, this),
      natsOptions_SetReconnectedCB(raw, Callbacks::OnConnected, this),
      natsOptions_SetLameDuckModeCB(raw, Callbacks::OnLameDuck, this),
      natsOptions_SetErrorHandler(raw, Callbacks::OnError, this),
  };
  for (const natsStatus one : set) {
    if (one != NATS_OK) return Failed("options", one);
  }

  status = natsConnection_Connect(&nats_, raw);
  if (status == NATS_OK) {
    Callbacks::OnConnected(nats_, this);
  } else if (status != NATS_NOT_YET_CONNECTED) {
    return Failed("connect", status);
  }
  return Status::Ok();
}

}  // namespace darkroom
