// SPDX-License-Identifier: Apache-2.0
//
// Publisher is the daemon's mouth: a connection of its own and the one thread that writes to it, so
// that a server that does not read can stop neither the io_context, nor a lane, nor intake. What
// gathers while it writes goes out in one system call; a lone reply goes out at once.
//
// While the connection is lost, publications wait for it, up to a time; NATS.c would take them and
// might lose them.
//
// Publish may be called from any thread. Publications are sealed (their bytes made) on the writer's
// thread.

#ifndef DARKROOM_MESSAGE_PUBLISHER_H_
#define DARKROOM_MESSAGE_PUBLISHER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/log.h"
#include "message/connection.h"

typedef struct __natsMsg natsMsg;

namespace darkroom {

// A message about to be published.
class Envelope {
 public:
  // `reply`: where an answer is awaited; empty: nowhere.
  explicit Envelope(const std::string& subject, const std::string& reply = {});
  Envelope(Envelope&& other) noexcept
      : message_(std::exchange(other.message_, nullptr)), body_(std::move(other.body_)) {}
  Envelope& operator=(Envelope&&) = delete;
  ~Envelope();

  // Values lose what a header cannot hold (CR, LF).
  void Header(const char* name, const std::string& value);
  void Body(Buffer body) { body_ = std::move(body); }

 private:
  friend class Publisher;
  natsMsg* message_ = nullptr;
  Buffer body_;
};

// What is to be published, told late: Seal runs on the writer's thread, so that forming a body
// costs no other thread its time.
class Publication {
 public:
  virtual ~Publication() = default;
  virtual const std::string& subject() const = 0;
  // Where whoever it reaches is to answer; empty: nowhere.
  const std::string& reply() const { return reply_; }
  void set_reply(std::string subject) { reply_ = std::move(subject); }
  // `max_payload`: headers and body together must stay within it.
  virtual void Seal(uint64_t max_payload, Envelope* envelope) = 0;
  // It was written to the connection, or could not be. On the writer's thread.
  virtual void OnWritten(bool /*sent*/) {}

 private:
  std::string reply_;
};

// One whose bytes are there already.
class PlainPublication final : public Publication {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  PlainPublication(std::string subject, std::string_view text, Headers headers = {})
      : subject_(std::move(subject)), headers_(std::move(headers)), text_(text) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t max_payload, Envelope* envelope) override;

 private:
  const std::string subject_;
  const Headers headers_;
  const std::string text_;
};

class Publisher : public ConnectionEvents {
 public:
  explicit Publisher(Logger& log);
  ~Publisher() override;

  // Starts to connect. Call once, before Publish.
  Status Open(const ServerLink& link);

  void Publish(std::unique_ptr<Publication> publication);

  // Waits until everything is written and the server has confirmed, up to `timeout`; then closes.
  // False: something that was waiting may not have reached the server. Call once, not on the
  // io_context while it is needed.
  bool Finish(std::chrono::milliseconds timeout);

  Connection& connection() { return *connection_; }

 private:
  void OnConnected() override;
  void OnDisconnected() override;

  void Write();
  void WriteOne(Publication* publication, bool last);
  // Waits for a lost connection; false when it did not come back in time.
  bool AwaitConnection();

  Logger& log_;
  std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Publication>> waiting_;  // guarded by mutex_
  bool stopping_ = false;                              // guarded by mutex_
  // Guarded by mutex_. Since when there has been no connection, if there is none.
  std::chrono::steady_clock::time_point lost_at_ = std::chrono::steady_clock::now();
  bool lost_ = false;  // the writer's, until it has ended: something of its last round was not sent
  // The writer's. NATS.c wakes a thread of its own to free a message. Those of one round go
  // together, and wake it once.
  std::vector<Envelope> written_;
  std::thread writer_;
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_PUBLISHER_H_
