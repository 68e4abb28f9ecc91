// SPDX-License-Identifier: Apache-2.0
//
// Puller asks one consumer for as many jobs as there are free places, so that a host is given only
// what it can soon run. It asks for many at once where many are free: the server keeps each request
// until it is answered (512 of them at most of all hosts together), and sends heartbeats for each.
// NATS.c's own way of pulling stops for good when the server is restarted; here a silent server is
// asked again.
//
// For the io_context's thread. Source: ADR-37 (pull requests, heartbeats, statuses).

#ifndef DARKROOM_DURABLE_PULLER_H_
#define DARKROOM_DURABLE_PULLER_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "message/message.h"
#include "message/publisher.h"

namespace darkroom {

class Puller {
 public:
  struct Source {
    std::string stream;
    std::string consumer;
    std::string inbox;  // a subject that nobody else uses: messages to it are for OnMessage
  };
  using OnJob = std::function<void(Message)>;

  // `publisher` outlives this.
  Puller(boost::asio::io_context& io, Publisher& publisher, Source source, OnJob on_job);
  ~Puller() { *alive_ = false; }
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;

  // How many jobs may be on their way here. It keeps asking until it is told 0.
  void Want(uint32_t jobs);
  void OnMessage(Message message);
  // What was asked before is forgotten by the server.
  void OnConnected();

 private:
  using Clock = std::chrono::steady_clock;

  void Ask();
  void Watch();
  void AskLater();

  Publisher& publisher_;
  const Source source_;
  const OnJob on_job_;
  uint32_t wanted_ = 0;
  uint32_t asked_ = 0;         // for so many jobs, which have not come
  Clock::time_point heard_{};  // the server, of this consumer
  boost::asio::steady_timer watch_;
  boost::asio::steady_timer later_;
  bool waiting_ = false;  // for `later_`
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_PULLER_H_
