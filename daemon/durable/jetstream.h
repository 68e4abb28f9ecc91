// SPDX-License-Identifier: Apache-2.0
//
// JetStream is what the daemon asks of the server's streams: their API, messages to be stored for
// good, and the last message of a subject. By requests of our own over the core protocol: NATS.c's
// calls for it wait, each on a thread.
//
// For the io_context's thread.
//
// Source: ADR-1 (the API's JSON), ADR-31 (direct get); the error numbers are nats-server's
// server/errors.json.

#ifndef DARKROOM_DURABLE_JETSTREAM_H_
#define DARKROOM_DURABLE_JETSTREAM_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "message/message.h"
#include "message/publisher.h"
#include "message/requester.h"

namespace darkroom {

// What became of a message that was to be stored.
struct Stored {
  enum class Outcome : uint8_t {
    kStored,
    kDuplicate,   // one with its Nats-Msg-Id is stored already
    kUnexpected,  // its subject's last message is not the one that it names
  };
  Outcome outcome = Outcome::kStored;
  uint64_t sequence = 0;  // of the message; 0 if it was not stored
};

class JetStream {
 public:
  using Timeout = std::chrono::milliseconds;

  explicit JetStream(Requester& requester, Timeout timeout = std::chrono::seconds(5))
      : requester_(requester), timeout_(timeout) {}

  // Asks $JS.API.<verb>. kNotFound: there is no such stream, consumer or message. Other errors of
  // the server are kFailedPrecondition, in its words; kDeadlineExceeded: perhaps it has no
  // JetStream.
  boost::asio::awaitable<Result<nlohmann::json>> Api(std::string verb, nlohmann::json question);

  // Has a message stored, and returns when it is. kDeadlineExceeded: it may be, or not; or no
  // stream keeps its subject.
  boost::asio::awaitable<Result<Stored>> Store(std::unique_ptr<Publication> message);

  // The last message of a subject, with the headers Nats-Sequence and Nats-Time-Stamp; nothing if
  // there is none. The stream must allow direct gets.
  boost::asio::awaitable<Result<std::optional<Message>>> Last(std::string stream,
                                                              std::string subject);

  // False: no message is kept of any of these subjects, as far as the server can tell; it answers
  // for hundreds at once.
  boost::asio::awaitable<Result<bool>> MayHaveAny(std::string stream,
                                                  std::vector<std::string> subjects);

 private:
  Requester& requester_;
  const Timeout timeout_;
};

// A header that makes a message be stored only if its subject's last one has this number; 0: if
// there is none.
inline constexpr const char* kExpectedLast = "Nats-Expected-Last-Subject-Sequence";

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_JETSTREAM_H_
