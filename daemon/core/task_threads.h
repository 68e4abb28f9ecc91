// SPDX-License-Identifier: Apache-2.0
//
// TaskThreads are at most so many threads that do what they are told; with one, in the order in
// which they were told. Each is started when the first task wants it.
//
// Post may be called from any thread. The destructor does what was posted, then joins.

#ifndef DARKROOM_CORE_TASK_THREADS_H_
#define DARKROOM_CORE_TASK_THREADS_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace darkroom {

class TaskThreads {
 public:
  TaskThreads(std::string name, uint32_t most);
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;
  ~TaskThreads();

  uint32_t most() const { return most_; }

  void Post(std::function<void()> task);

 private:
  void Main();

  const std::string name_;
  const uint32_t most_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_, as all below
  uint32_t idle_ = 0;
  bool leaving_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_TASK_THREADS_H_
