// SPDX-License-Identifier: Apache-2.0

#include "worker/worker_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace darkroom {
namespace {

constexpr int64_t kGatherNs = 500'000;
// Enough room is left in a packet for the largest record.
constexpr size_t kFullPacket = size_t{64} << 10;

void SetTimer(int timer, int64_t ns) {
  itimerspec spec{};
  spec.it_value.tv_nsec = ns;
  timerfd_settime(timer, 0, &spec, nullptr);
}

}  // namespace

WorkerSocket::WorkerSocket(int socket)
    : socket_(socket),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      received_(kMaxPacket) {}

void WorkerSocket::Send(const Write& write) {
  const std::lock_guard lock(mutex_);
  write(&gathered_);
  Flush();
}

void WorkerSocket::Gather(const Write& write) {
  const std::lock_guard lock(mutex_);
  write(&gathered_);
  if (gathered_.size() >= kFullPacket) {
    Flush();
  } else if (!std::exchange(armed_, true)) {
    SetTimer(timer_, kGatherNs);
  }
}

void WorkerSocket::Flush() {
  if (std::exchange(armed_, false)) SetTimer(timer_, 0);
  if (gathered_.empty()) return;
  // Waits while the daemon is behind, which holds back whoever has so much to say.
  while (send(socket_, gathered_.data(), gathered_.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
  gathered_.clear();
}

Bytes WorkerSocket::Receive() {
  while (true) {
    std::array<pollfd, 2> waited = {{{socket_, POLLIN, 0}, {timer_, POLLIN, 0}}};
    if (poll(waited.data(), waited.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return {};
    }
    if ((waited[1].revents & POLLIN) != 0) {
      uint64_t fired = 0;
      const std::lock_guard lock(mutex_);
      if (read(timer_, &fired, sizeof(fired)) > 0) Flush();
    }
    if (waited[0].revents == 0) continue;
    const ssize_t size = recv(socket_, received_.data(), received_.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return {};
    return {received_.data(), static_cast<size_t>(size)};
  }
}

}  // namespace darkroom
