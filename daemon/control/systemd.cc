// SPDX-License-Identifier: Apache-2.0

#include "control/systemd.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace darkroom {
namespace {

// Whoever listens holds a handful of messages that he has not read, and sd_notify(3) then waits for
// him: all of the daemon would. What is told once is worth this much waiting; what is told again
// and again, none.
constexpr int kPatienceMs = 1000;

bool Notify(const std::string& text, int patience_ms) {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t size = name == nullptr ? 0 : std::strlen(name);
  if (size == 0 || size >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, name, size);
  if (name[0] == '@') address.sun_path[0] = '\0';  // an abstract one
  const int channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (channel < 0) return false;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  pollfd wait{channel, POLLOUT, 0};
  const bool sent =
      connect(channel, reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
      poll(&wait, 1, patience_ms) == 1 &&
      send(channel, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  close(channel);
  return sent;
}

}  // namespace

bool UnderSystemd() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

void NotifyReady(const std::string& status) {
  Notify(fmt::format("READY=1\nSTATUS={}", status), kPatienceMs);
}

void NotifyReloading(const std::string& status) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t us = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  Notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS={}", us, status), kPatienceMs);
}

bool NotifyStatus(const std::string& status) { return Notify(fmt::format("STATUS={}", status), 0); }

void NotifyStopping(const std::string& status, std::chrono::milliseconds allowed) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(allowed).count();
  Notify(fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, us), kPatienceMs);
}

void NotifyMoreTime(std::chrono::microseconds time) {
  Notify(fmt::format("EXTEND_TIMEOUT_USEC={}", time.count()), 0);
}

std::chrono::microseconds WatchdogTime() {
  uint64_t us = 0;
  return std::chrono::microseconds(sd_watchdog_enabled(0, &us) > 0 ? us : 0);
}

void NotifyWatchdog() { Notify("WATCHDOG=1", 0); }

}  // namespace darkroom
