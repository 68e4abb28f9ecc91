// SPDX-License-Identifier: Apache-2.0
//
// Connection is one connection to the NATS system, with the options a daemon of months needs: it
// tries again for ever, with jitter; notices a dead server within half a minute; never waits on a
// write for more than a few seconds.
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

typedef struct __natsConnection natsConnection;
typedef struct __natsOptions natsOptions;

namespace darkroom {

class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;
  virtual void OnConnected() = 0;  // the first time and after each loss
  virtual void OnDisconnected() = 0;
  virtual void OnError(
      const std::string& what) = 0;  // such as a slow consumer or a permission that lacks
};

class Connection {
 public:
  // Starts to connect and returns; a server that is not there yet is waited for in the background.
  // `name` is shown in the server's monitoring. `reconnect_buffer` is how many bytes may be
  // published into a lost connection, to be sent after it is back; 0: none. `events` must outlive
  // the connection.
  static Result<std::unique_ptr<Connection>> Open(const std::vector<std::string>& urls,
                                                  const std::string& name, int reconnect_buffer,
                                                  ConnectionEvents* events);
  ~Connection();  // closes
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_.load(std::memory_order_acquire); }
  uint64_t max_payload() const { return max_payload_.load(std::memory_order_relaxed); }
  uint64_t reconnects() const { return reconnects_.load(std::memory_order_relaxed); }

  // For message/ alone.
  natsConnection* nats() { return nats_; }

 private:
  explicit Connection(ConnectionEvents* events) : events_(events) {}
  Status Start(const std::vector<std::string>& urls, const std::string& name, int reconnect_buffer);
  static void OnConnected(natsConnection* nats, void* self);
  static void OnDisconnected(natsConnection* nats, void* self);
  static void OnClosed(natsConnection* nats, void* self);

  ConnectionEvents* events_;
  natsConnection* nats_ = nullptr;
  std::atomic<bool> connected_{false};
  std::atomic<uint64_t> max_payload_{0};
  std::atomic<uint64_t> reconnects_{0};
  std::atomic<bool> seen_{false};  // connected at least once
  std::mutex mutex_;
  std::condition_variable closing_;
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_CONNECTION_H_
