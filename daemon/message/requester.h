// SPDX-License-Identifier: Apache-2.0
//
// Requester asks over NATS and waits for answers: all come to one subscription, whose subjects end
// in the number of the question.
//
// For the io_context's thread.

#ifndef DARKROOM_MESSAGE_REQUESTER_H_
#define DARKROOM_MESSAGE_REQUESTER_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/status.h"
#include "message/message.h"
#include "message/publisher.h"

namespace darkroom {

class Requester {
 public:
  // `publisher` outlives this. `inbox` is a subject that nobody else uses.
  Requester(boost::asio::io_context& io, Publisher& publisher, std::string inbox);
  ~Requester();
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  // What is to be subscribed to, and brought to OnAnswer.
  std::string subject() const { return inbox_ + ".*"; }
  void OnAnswer(Message message);

  // Publishes the question and returns the first answer. kDeadlineExceeded: there was none in time,
  // and nobody can say whether it was heard. (That nobody listens a server tells only to whoever
  // publishes and awaits the answer on one connection.)
  boost::asio::awaitable<Result<Message>> Ask(std::unique_ptr<Publication> question,
                                              std::chrono::milliseconds timeout);

 private:
  struct Pending;

  boost::asio::io_context& io_;
  Publisher& publisher_;
  const std::string inbox_;
  std::unordered_map<uint64_t, std::shared_ptr<Pending>> pending_;
  uint64_t last_number_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_REQUESTER_H_
