// SPDX-License-Identifier: Apache-2.0
//
// Watchdog feeds systemd's (WatchdogSec= of the unit) twice in its time, from the io_context, so
// that a daemon whose loop stands still is not fed for; and only while it is told that the daemon
// is of use. Without systemd, or a unit that has none, it does nothing.
//
// For the io_context's thread.

#ifndef DARKROOM_CONTROL_WATCHDOG_H_
#define DARKROOM_CONTROL_WATCHDOG_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

namespace darkroom {

class Watchdog {
 public:
  // `deserves` says whether it is to be fed.
  Watchdog(boost::asio::io_context& io, std::function<bool()> deserves);

  void Start();

 private:
  void Feed();

  const std::function<bool()> deserves_;
  const std::chrono::microseconds pause_;  // 0: nobody waits to be fed
  boost::asio::steady_timer timer_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_WATCHDOG_H_
