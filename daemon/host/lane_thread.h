// SPDX-License-Identifier: Apache-2.0
//
// A lane's thread: one OS thread that carries out what it is told in the order in which it was
// told. All of an instance's life on its device happens here, since CUDA, libtorch and
// `thread_local` objects tie state to threads, and a plugin's file can only be unmapped once the
// threads that ran its code have ended.
//
// Post may be called from any thread. The destructor lets everything posted be done, then joins; it
// must not run on the lane itself.

#ifndef DARKROOM_HOST_LANE_THREAD_H_
#define DARKROOM_HOST_LANE_THREAD_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/host_api.h"

namespace darkroom::host {

struct LaneCommand {
  enum class Kind : uint8_t { kLoad, kRun, kUnload, kLeave };
  Kind kind = Kind::kRun;
  std::vector<HostJob> batch;  // of kRun
  uint64_t posted_ns = 0;      // CLOCK_MONOTONIC
};

class LaneThread {
 public:
  LaneThread(std::string name, std::function<void(LaneCommand&)> carry_out);
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;
  ~LaneThread();

  void Post(LaneCommand::Kind kind, std::vector<HostJob> batch = {});

 private:
  void Main();

  const std::string name_;
  const std::function<void(LaneCommand&)> carry_out_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::vector<LaneCommand> commands_;  // guarded by mutex_
  bool leaving_ = false;               // guarded by mutex_
  std::thread thread_;                 // last, since it uses the others
};

// CLOCK_MONOTONIC in nanoseconds, as deadlines are given.
uint64_t NowNs();

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_LANE_THREAD_H_
