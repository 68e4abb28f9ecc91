// SPDX-License-Identifier: Apache-2.0
//
// RunUntil lets an io_context work until something has come about, and Settle until nothing is left
// to do at once. For the thread that the io_context is on.

#ifndef DARKROOM_TESTS_WORKER_RUN_UNTIL_H_
#define DARKROOM_TESTS_WORKER_RUN_UNTIL_H_

#include <boost/asio/io_context.hpp>
#include <chrono>

namespace darkroom {

// False: it did not come about; the limit only keeps a broken daemon from hanging the test.
template <typename Condition>
bool RunUntil(boost::asio::io_context& io, Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    io.restart();
    if (io.run_one_until(limit) == 0) return condition();
  }
  return true;
}

inline void Settle(boost::asio::io_context& io) {
  io.restart();
  io.poll();
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_WORKER_RUN_UNTIL_H_
