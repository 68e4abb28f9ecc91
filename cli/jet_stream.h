// SPDX-License-Identifier: Apache-2.0
//
// JetStream is what the command asks of the server's streams: messages to be stored for good, the
// last message of a subject, all messages of one now, and new ones as events of the client.
//
// One thread; the client's, which outlives it. Its calls wait for the server, five seconds at most
// unless they say otherwise.

#ifndef DARKROOM_CLI_JET_STREAM_H_
#define DARKROOM_CLI_JET_STREAM_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/exit_code.h"

typedef struct __jsCtx jsCtx;

namespace darkroom {

// What a stream is asked for.
struct StreamQuery {
  std::string stream;
  std::string subject;        // of which messages; may have wildcards
  bool headers_only = false;  // without bodies, which may be large
  bool last_of_each = false;  // the last message of each subject, and then all that come
  bool only_new = false;      // nothing that is there by now
  uint64_t from = 0;          // beginning with this number
  std::optional<std::chrono::system_clock::time_point> since;  // or with this time
};

class JetStream {
 public:
  struct Stored {
    uint64_t sequence = 0;
    bool duplicate = false;  // one with its Nats-Msg-Id was stored before
  };

  static Outcome<std::unique_ptr<JetStream>> Open(Client* client);
  ~JetStream();
  JetStream(const JetStream&) = delete;
  JetStream& operator=(const JetStream&) = delete;

  // Has the message stored, and returns when the server says that it is. It is sent again where
  // that is not heard: it needs a Nats-Msg-Id, by which the server knows it again.
  Outcome<Stored> Publish(const Outgoing& message);

  // Whether there is such a stream; a failure where the server has no JetStream at all.
  Outcome<bool> HasStream(const std::string& stream);
  // How many messages of the subject, which may have wildcards, the stream has.
  Outcome<uint64_t> Count(const std::string& stream, const std::string& subject);
  Outcome<bool> HasConsumer(const std::string& stream, const std::string& consumer);

  // The last message of a subject, if there is one. The stream must allow direct gets.
  Outcome<std::optional<Incoming>> Last(const std::string& stream, const std::string& subject);

  // Calls `each` with what is there now, in the stream's order, until it returns false.
  std::optional<Failure> Walk(const StreamQuery& query,
                              const std::function<bool(const Incoming&)>& each);

  // Makes messages events with this number, until Unwatch: in order, each once, also those that
  // come while the connection is lost. Returns how many are there now.
  Outcome<uint64_t> Watch(const StreamQuery& query, int number);
  void Unwatch(int number);

  std::optional<Failure> Delete(const std::string& stream, uint64_t sequence);

  jsCtx* context() const { return context_; }
  // What went wrong in a call of NATS.c's, in words. `error` is JetStream's number, or 0.
  Failure Explain(std::string_view doing, int status, int error) const;

 private:
  struct Watching;

  explicit JetStream(Client* client);
  Failure Full(int status) const;
  Outcome<uint64_t> CountPending(natsSubscription* subscription) const;

  Client& client_;
  jsCtx* context_ = nullptr;
  std::vector<std::unique_ptr<Watching>> watches_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_JET_STREAM_H_
