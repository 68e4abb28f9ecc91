// SPDX-License-Identifier: Apache-2.0
//
// What takes several steps with waiting between them is a coroutine on the io_context.
// StartCoroutine starts one that nobody waits for; Sleep lets one wait.
//
// For the io_context's thread.

#ifndef DARKROOM_CORE_COROUTINE_H_
#define DARKROOM_CORE_COROUTINE_H_

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

namespace darkroom {

// What the coroutine throws comes out of io_context::run, as from any other handler: a daemon that
// lost one of its coroutines must not go on as if nothing had been.
inline void StartCoroutine(boost::asio::io_context& io, boost::asio::awaitable<void> coroutine) {
  boost::asio::co_spawn(io, std::move(coroutine), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

// Gives up early, without a word, when the coroutine is told to stop.
inline boost::asio::awaitable<void> Sleep(boost::asio::steady_timer::duration duration) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, duration);
  co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

}  // namespace darkroom

#endif  // DARKROOM_CORE_COROUTINE_H_
