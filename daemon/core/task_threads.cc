// SPDX-License-Identifier: Apache-2.0

#include "core/task_threads.h"

#include <utility>

#include "core/thread.h"

namespace darkroom {

TaskThreads::TaskThreads(std::string name, uint32_t most) : name_(std::move(name)), most_(most) {}

TaskThreads::~TaskThreads() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  posted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TaskThreads::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    const bool wanted = idle_ < tasks_.size() && threads_.size() < most_;
    if (wanted && !leaving_) threads_.emplace_back([this] { Main(); });
  }
  posted_.notify_one();
}

void TaskThreads::Main() {
  SetThreadName(name_);
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    posted_.wait(lock, [this] { return leaving_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it held goes here, too, and in nobody's way
    lock.lock();
  }
}

}  // namespace darkroom
