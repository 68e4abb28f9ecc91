// SPDX-License-Identifier: Apache-2.0

#include "control/systemd.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace darkroom {
namespace {

// What may be lost, since more of it follows: sd_notify() waits where nobody reads, and with it all
// of the daemon would.
void NotifyIfHeard(const std::string& text) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t size = path == nullptr ? 0 : std::strlen(path);
  if (size == 0 || size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  sendto(fd, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
  close(fd);
}

}  // namespace

bool UnderSystemd() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

void NotifyReady(const std::string& status) {
  sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void NotifyStatus(const std::string& status) { NotifyIfHeard(fmt::format("STATUS={}", status)); }

void NotifyStopping(const std::string& status, std::chrono::milliseconds allowed) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(allowed).count();
  NotifyIfHeard(fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, us));
}

void NotifyMoreTime(std::chrono::microseconds time) {
  NotifyIfHeard(fmt::format("EXTEND_TIMEOUT_USEC={}", time.count()));
}

std::chrono::microseconds WatchdogTime() {
  uint64_t us = 0;
  return std::chrono::microseconds(sd_watchdog_enabled(0, &us) > 0 ? us : 0);
}

void NotifyWatchdog() { NotifyIfHeard("WATCHDOG=1"); }

}  // namespace darkroom
