// SPDX-License-Identifier: Apache-2.0
//
// Client is the command's one connection to NATS. It sends, and what comes back arrives as events
// in the order in which NATS.c delivers it. Nothing outside this file, event_queue.cc and those of
// JetStream (jet_stream.cc, object_store.cc) knows NATS.c.
//
// One thread, save Interrupt, which any thread may call while the client lives. At most one client
// exists in a process at a time: its destructor waits until NATS.c has ended all its threads, so
// that no callback finds it gone.

#ifndef DARKROOM_CLI_CLIENT_H_
#define DARKROOM_CLI_CLIENT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "cli/event_queue.h"
#include "cli/exit_code.h"
#include "cli/request.h"
#include "core/status.h"

typedef struct __natsConnection natsConnection;
typedef struct __natsMsg natsMsg;
typedef struct __natsOptions natsOptions;
typedef struct __natsSubscription natsSubscription;

namespace darkroom {

// Whatever is empty is not used.
struct ConnectOptions {
  std::string url;          // one or more, separated by commas
  std::string credentials;  // a .creds file
  std::string user;
  std::string password;
  std::string token;
  std::string certificate;  // PEM files: who we are, our key, whom we trust
  std::string key;
  std::string authorities;
  std::string inbox_prefix;
  bool tls_first = false;
};

class Client {
 public:
  static Outcome<std::unique_ptr<Client>> Connect(const ConnectOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The URLs as given, without passwords, for messages.
  const std::string& url() const { return url_; }
  // The server's limit for headers and body together.
  size_t max_payload() const;

  // Messages on `subject` become events with this number.
  Status Subscribe(const std::string& subject, int number);
  // No more events with this number, save those that are queued already.
  void Unsubscribe(int number);
  // A subject of our own for replies.
  Result<std::string> MakeInbox();
  // Fails with too_large before anything is sent, where the server would not take it.
  Status Send(const Outgoing& message, const std::string& reply_to);

  EventQueue& events() { return events_; }
  const EventQueue& events() const { return events_; }
  void Interrupt() { events_.Put({Event::Kind::kInterrupted, 0, {}, {}}); }

 private:
  friend class JetStream;
  struct Subscription;
  struct FreeMessage {
    void operator()(natsMsg* message) const;
  };
  using MessagePointer = std::unique_ptr<natsMsg, FreeMessage>;

  // Until no callback can run any more.
  void KeepUntilClosed(std::shared_ptr<void> what) { kept_.push_back(std::move(what)); }

  Result<MessagePointer> Make(const Outgoing& message, const std::string& reply_to) const;

  explicit Client(std::string url);
  Status SetOptions(natsOptions* nats_options, const ConnectOptions& options);
  static Status SetTls(natsOptions* nats_options, const ConnectOptions& options);

  std::string url_;
  std::string inbox_prefix_;
  EventQueue events_;
  natsConnection* connection_ = nullptr;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  std::vector<std::shared_ptr<void>> kept_;
};

// "nats://user:secret@host" -> "nats://***@host", for each of the URLs.
std::string WithoutPasswords(const std::string& urls);

}  // namespace darkroom

#endif  // DARKROOM_CLI_CLIENT_H_
