// SPDX-License-Identifier: Apache-2.0
//
// Connection is one connection to the NATS system, with the options a daemon of months needs: it
// tries again for ever, with jitter, at each of the servers; notices a dead server within half a
// minute; never waits on a write for more than a few seconds. What goes wrong is its log's.
//
// NATS.c works on threads of its own. What it has to say arrives through ConnectionEvents on those
// threads: hand over and return. connected() and max_payload() may be asked from any thread and
// never block, unlike NATS.c's own questions, which wait while a write does.

#ifndef DARKROOM_MESSAGE_CONNECTION_H_
#define DARKROOM_MESSAGE_CONNECTION_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/status.h"
#include "message/connection_log.h"
#include "message/server_login.h"

typedef struct __natsConnection natsConnection;

namespace darkroom {

class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;
  virtual void OnConnected() = 0;  // the first time and after each loss
  virtual void OnDisconnected() = 0;
};

// Where the servers are, and what all connections to them share. `log` outlives them.
struct ServerLink {
  // Tried in this order by every connection, so that all are at the same server: one learns of the
  // inbox of a request before it delivers the request, and another one of its cluster may learn of
  // it after the reply, which it then throws away.
  std::vector<std::string> urls;
  NatsLogin login;
  std::string host;  // ours, which servers show
  ConnectionLog* log;
};

class Connection {
 public:
  // Starts to connect and returns; a server that is not there yet is waited for in the background.
  // `purpose`, such as "replies", is shown in the server's monitoring and the log. What is
  // published into a lost connection is not kept. `events` must outlive the connection. An error is
  // one of the configuration.
  static Result<std::unique_ptr<Connection>> Open(const ServerLink& link,
                                                  const std::string& purpose,
                                                  ConnectionEvents* events);
  ~Connection();  // closes
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_.load(std::memory_order_acquire); }
  uint64_t max_payload() const { return max_payload_.load(std::memory_order_relaxed); }
  uint64_t reconnects() const { return reconnects_.load(std::memory_order_relaxed); }
  // The server said that it is about to stop, and we are still there.
  bool lame_duck() const { return lame_duck_.load(std::memory_order_relaxed); }

  // For message/ alone.
  natsConnection* nats() { return nats_; }

 private:
  Connection(const ServerLink& link, std::string purpose, ConnectionEvents* events);
  Status Start(const ServerLink& link);

  struct Callbacks;  // NATS.c's, on its threads

  ConnectionEvents* events_;
  ConnectionLog* log_;
  const std::string purpose_;
  ServerLogin login_;
  natsConnection* nats_ = nullptr;
  std::atomic<bool> connected_{false};
  std::atomic<uint64_t> max_payload_{0};
  std::atomic<uint64_t> reconnects_{0};
  std::atomic<bool> seen_{false};  // connected at least once
  std::atomic<bool> lame_duck_{false};
  std::mutex mutex_;
  std::condition_variable closing_;
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_CONNECTION_H_
