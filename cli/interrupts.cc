// SPDX-License-Identifier: Apache-2.0

#include "cli/interrupts.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "cli/exit_code.h"

namespace darkroom {

Interrupts::Interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || stop_ < 0) return;  // the signals keep their usual effect
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  thread_ = std::thread([this] { Watch(); });
}

Interrupts::~Interrupts() {
  if (thread_.joinable()) {
    eventfd_write(stop_, 1);
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  if (signals_ >= 0) close(signals_);
  if (stop_ >= 0) close(stop_);
}

void Interrupts::Watch() {
  while (true) {
    std::array<pollfd, 2> files = {{{signals_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (poll(files.data(), files.size(), -1) < 0) continue;
    if (files[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) OnSignal();
  }
}

void Interrupts::OnSignal() {
  std::lock_guard lock(mutex_);
  if (seen_ || !handler_) _exit(static_cast<int>(ExitCode::kInterrupted));
  seen_ = true;
  handler_();
}

Interrupts::Guard::Guard(Interrupts* interrupts, std::function<void()> handler)
    : interrupts_(interrupts) {
  std::lock_guard lock(interrupts_->mutex_);
  interrupts_->handler_ = std::move(handler);
}

Interrupts::Guard::~Guard() {
  std::lock_guard lock(interrupts_->mutex_);
  interrupts_->handler_ = nullptr;
}

}  // namespace darkroom
