// SPDX-License-Identifier: Apache-2.0
//
// EventQueue brings everything that may happen while a command waits (a message, a lost connection,
// Ctrl-C) to the one thread that waits for it. Incoming is a message that came.
//
// Put may be called from any thread and never blocks for long; Next from one thread.

#ifndef DARKROOM_CLI_EVENT_QUEUE_H_
#define DARKROOM_CLI_EVENT_QUEUE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

typedef struct __natsMsg natsMsg;

namespace darkroom {

// Where a message lies in a stream.
struct StreamPlace {
  uint64_t sequence = 0;  // 0: it is from no stream
  uint64_t behind = 0;    // how many more of those asked for are behind it
  std::chrono::system_clock::time_point stored{};
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Owns NATS.c's message, so that a large reply is not copied. Move-only; views live as long as it
// does.
class Incoming {
 public:
  Incoming() = default;
  explicit Incoming(natsMsg* message) : message_(message) {}

  std::string_view body() const;
  // In place of what it came with: what its reference leads to.
  void SetBody(std::string body) { fetched_ = std::move(body); }
  std::string_view subject() const;
  StreamPlace Place() const;
  HeaderList Headers() const;  // the first value of each
  // The first value of a header; names are case-sensitive.
  std::optional<std::string> Header(const char* name) const;
  // The server's own answer where nobody listens on the subject.
  bool IsNoResponders() const;

 private:
  struct Free {
    void operator()(natsMsg* message) const;
  };
  std::unique_ptr<natsMsg, Free> message_;
  std::optional<std::string> fetched_;
};

struct Event {
  enum class Kind {
    kTimeout,       // nothing happened until the time given
    kMessage,       // `subscription` and `message`
    kDisconnected,  // the client tries to come back
    kReconnected,
    kClosed,       // it has given up
    kDenied,       // the server forbids something: `text`
    kInterrupted,  // Ctrl-C
  };

  Kind kind = Kind::kTimeout;
  int subscription = 0;
  Incoming message;
  std::string text;
};

class EventQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void Put(Event event);
  // The next event, or kTimeout at `until`.
  Event Next(Time until);
  // Whether Ctrl-C has come, for what waits elsewhere; the event itself stays.
  bool interrupted() const;
  // Frees what waits and whatever comes later. To be called before NATS.c is closed: a message
  // cannot be freed after it.
  void Close();

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Event> events_;  // guarded by mutex_
  bool closed_ = false;       // guarded by mutex_
  bool interrupted_ = false;  // guarded by mutex_
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_EVENT_QUEUE_H_
