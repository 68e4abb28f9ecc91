// SPDX-License-Identifier: Apache-2.0

#include "control/watchdog.h"

#include <utility>

#include "control/systemd.h"

namespace darkroom {

Watchdog::Watchdog(boost::asio::io_context& io, std::function<bool()> deserves)
    : deserves_(std::move(deserves)), pause_(WatchdogTime() / 2), timer_(io) {}

void Watchdog::Start() {
  if (pause_.count() > 0) Feed();
}

void Watchdog::Feed() {
  if (deserves_()) NotifyWatchdog();
  timer_.expires_after(pause_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Feed();
  });
}

}  // namespace darkroom
