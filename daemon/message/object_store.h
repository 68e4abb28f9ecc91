// SPDX-License-Identifier: Apache-2.0
//
// ObjectStore fetches and stores objects for the daemon: on a connection of its own and a few
// threads, since the calls block, so that a large body keeps nothing else waiting.
//
// For the io_context's thread.

#ifndef DARKROOM_MESSAGE_OBJECT_STORE_H_
#define DARKROOM_MESSAGE_OBJECT_STORE_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/status.h"
#include "message/connection.h"
#include "message/message.h"
#include "message/object_calls.h"

namespace darkroom {

class ObjectStore : private ConnectionEvents {
 public:
  // `bucket` and `keep`: of what is stored.
  ObjectStore(std::string bucket, std::chrono::milliseconds keep)
      : bucket_(std::move(bucket)), keep_(keep) {}
  ~ObjectStore() override;

  Status Open(const ServerLink& link);

  // Whether a message has its body, or a part of it, elsewhere.
  static bool HasReferences(const Message& message);

  // Gives such a message what it refers to, `most` bytes in all. An error is the request's, or
  // kBusy.
  boost::asio::awaitable<Status> Attach(Message* message, uint64_t most);

  // Stores what `make` makes, on another thread.
  using Make = std::function<Bytes()>;
  boost::asio::awaitable<Result<ObjectUrl>> Put(Make make);

  // An object of a name of the caller's, in a bucket that is there: as object_calls.h has it.
  boost::asio::awaitable<Status> Replace(ObjectUrl url, Make make);
  boost::asio::awaitable<Status> Remove(ObjectUrl url);
  boost::asio::awaitable<Result<Buffer>> Get(ObjectUrl url, uint64_t most);

 private:
  static constexpr size_t kThreads = 2;

  // Makes the call on one of the threads.
  template <typename T>
  boost::asio::awaitable<T> Call(std::function<T()> call);

  void OnConnected() override {}
  void OnDisconnected() override {}

  const std::string bucket_;
  const std::chrono::milliseconds keep_;
  std::unique_ptr<Connection> connection_;
  boost::asio::thread_pool threads_{kThreads};
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_OBJECT_STORE_H_
