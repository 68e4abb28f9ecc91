// SPDX-License-Identifier: Apache-2.0

#include "host/lane_thread.h"

#include <ctime>
#include <utility>

#include "core/thread.h"

namespace darkroom::host {

uint64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

LaneThread::LaneThread(std::string name, std::function<void(LaneCommand&)> carry_out,
                       std::function<bool()> go_on)
    : name_(std::move(name)),
      carry_out_(std::move(carry_out)),
      go_on_(std::move(go_on)),
      thread_([this] { Main(); }) {}

LaneThread::~LaneThread() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void LaneThread::Post(LaneCommand command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  posted_.notify_one();
}

void LaneThread::Main() {
  SetThreadName(name_);
  std::vector<LaneCommand> taken;
  bool more = false;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [&] { return more || leaving_ || !commands_.empty(); });
      if (commands_.empty() && !more) return;
      taken.swap(commands_);  // both keep their memory: no allocation in the long run
    }
    for (LaneCommand& command : taken) carry_out_(command);
    taken.clear();
    more = go_on_ && go_on_();
  }
}

}  // namespace darkroom::host
