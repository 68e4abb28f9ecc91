// SPDX-License-Identifier: Apache-2.0
//
// Event is something that happens once and that coroutines wait for. Whoever waits goes on behind
// what the io_context is doing when Set is called, never inside it.
//
// For the io_context's thread.

#ifndef DARKROOM_CORE_EVENT_H_
#define DARKROOM_CORE_EVENT_H_

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace darkroom {

class Event {
 public:
  explicit Event(boost::asio::io_context& io) : never_(io, Time::max()) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Set() {
    set_ = true;
    never_.cancel();
  }
  bool is_set() const { return set_; }

  boost::asio::awaitable<void> Wait() {
    if (!set_) co_await never_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }

 private:
  using Time = boost::asio::steady_timer::time_point;

  boost::asio::steady_timer never_;  // Asio's own thing that a coroutine waits for and can give up
  bool set_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_EVENT_H_
