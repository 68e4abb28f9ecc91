// SPDX-License-Identifier: Apache-2.0

#include "control/systemd.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>

namespace darkroom {

bool UnderSystemd() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

void NotifyReady(const std::string& status) {
  sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void NotifyStatus(const std::string& status) {
  sd_notify(0, fmt::format("STATUS={}", status).c_str());
}

void NotifyStopping(const std::string& status, std::chrono::milliseconds allowed) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(allowed).count();
  sd_notify(0, fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, us).c_str());
}

void NotifyMoreTime(std::chrono::microseconds time) {
  sd_notify(0, fmt::format("EXTEND_TIMEOUT_USEC={}", time.count()).c_str());
}

std::chrono::microseconds WatchdogTime() {
  uint64_t us = 0;
  return std::chrono::microseconds(sd_watchdog_enabled(0, &us) > 0 ? us : 0);
}

void NotifyWatchdog() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace darkroom
