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

LaneThread::LaneThread(std::string name, std::function<void(LaneCommand&)> carry_out)
    : name_(std::move(name)), carry_out_(std::move(carry_out)), thread_([this] { Main(); }) {}

LaneThread::~LaneThread() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void LaneThread::Post(LaneCommand::Kind kind, std::vector<HostJob> batch) {
  const uint64_t now = NowNs();
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back({kind, std::move(batch), now});
  }
  posted_.notify_one();
}

void LaneThread::Main() {
  SetThreadName(name_);
  std::vector<LaneCommand> taken;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [this] { return leaving_ || !commands_.empty(); });
      if (commands_.empty()) return;
      taken.swap(commands_);  // both keep their memory: no allocation in the long run
    }
    for (LaneCommand& command : taken) carry_out_(command);
    taken.clear();
  }
}

}  // namespace darkroom::host
