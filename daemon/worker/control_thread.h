// SPDX-License-Identifier: Apache-2.0
//
// ControlThread is the one thread that plugins in the daemon are opened, closed and asked for
// instances on: no two such calls overlap, and none holds up the io_context.
//
// Post may be called from any thread. The destructor lets everything posted be done.

#ifndef DARKROOM_WORKER_CONTROL_THREAD_H_
#define DARKROOM_WORKER_CONTROL_THREAD_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "core/thread.h"

namespace darkroom {

class ControlThread {
 public:
  ControlThread() : thread_([this] { Main(); }) {}
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;
  ~ControlThread() {
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    posted_.notify_one();
    thread_.join();
  }

  void Post(std::function<void()> command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    posted_.notify_one();
  }

 private:
  void Main() {
    SetThreadName("control");
    std::unique_lock lock(mutex_);
    while (true) {
      posted_.wait(lock, [this] { return leaving_ || !commands_.empty(); });
      if (commands_.empty()) return;
      std::function<void()> command = std::move(commands_.front());
      commands_.pop_front();
      lock.unlock();
      command();
      command = nullptr;  // what it held goes on this thread, too
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> commands_;  // guarded by mutex_
  bool leaving_ = false;                        // guarded by mutex_
  std::thread thread_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_CONTROL_THREAD_H_
