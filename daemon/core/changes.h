// SPDX-License-Identifier: Apache-2.0
//
// Changes lets coroutines wait for something to become true: whoever changes what others may wait
// for calls Notify, and each that waits looks again.
//
// For the io_context's thread.

#ifndef DARKROOM_CORE_CHANGES_H_
#define DARKROOM_CORE_CHANGES_H_

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace darkroom {

class Changes {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Changes(boost::asio::io_context& io) : timer_(io, Clock::time_point::max()) {}
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  void Notify() { timer_.cancel(); }

  // Returns once `condition` holds, behind what the io_context is doing then. It must be a variable
  // of the caller's: gcc 12 destroys a lambda that is written inside a co_await twice.
  template <typename Condition>
  boost::asio::awaitable<void> Until(Condition& condition) {
    while (!condition()) {
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
  }

 private:
  boost::asio::steady_timer timer_;  // never expires; cancelling it wakes all that wait
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_CHANGES_H_
