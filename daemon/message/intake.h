// SPDX-License-Identifier: Apache-2.0
//
// Intake is the daemon's ear: subscriptions on a connection of its own, whose messages it brings to
// the io_context's thread, many at a time, each with the number that its subscription was given.
//
// All functions are called on the io_context's thread. Draining waits on a thread of its own, since
// NATS.c blocks there.

#ifndef DARKROOM_MESSAGE_INTAKE_H_
#define DARKROOM_MESSAGE_INTAKE_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/event.h"
#include "core/mailbox.h"
#include "core/status.h"
#include "message/connection.h"
#include "message/message.h"

typedef struct __natsSubscription natsSubscription;

namespace darkroom {

struct Arrival {
  uint32_t subscription;
  Message message;
};

class Intake {
 public:
  using Handler = std::function<void(Arrival)>;

  Intake(boost::asio::io_context& io, std::unique_ptr<Connection> connection, Handler handler);
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Without a queue group every daemon hears each message. Takes effect when connected, and again
  // after each loss.
  Status Subscribe(const std::string& subject, const std::string& queue_group,
                   uint32_t subscription);

  // Tells the server to send no more to that one subscription. What was on its way still comes;
  // `dry` is called when all of it has been handled, and the number may be given again then.
  void Unsubscribe(uint32_t subscription, std::function<void()> dry = {});

  // Waits until the server has the subscriptions made so far, a few seconds at most. From any
  // thread.
  Status Confirm();

  // Tells the server to send no more, and returns when what was already on its way has been
  // handled. Once.
  boost::asio::awaitable<void> Drain();

  Connection& connection() { return *connection_; }

 private:
  struct Subscription {
    Intake* intake;
    uint32_t number;
    natsSubscription* nats;
    std::function<void()> dry = {};
  };
  void OnDry(const Subscription* subscription);

  boost::asio::io_context& io_;
  std::unique_ptr<Connection> connection_;
  Mailbox<Arrival> arrivals_;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  bool draining_ = false;  // all of them
  Event drained_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread drainer_;
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_INTAKE_H_
