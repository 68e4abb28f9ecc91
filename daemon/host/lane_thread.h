// SPDX-License-Identifier: Apache-2.0
//
// A lane's thread: one OS thread that carries out what it is told in the order in which it was
// told. All of an instance's life on its device happens here, since CUDA, libtorch and
// `thread_local` objects tie state to threads, and a plugin's file can only be unmapped once the
// threads that ran its code have ended.
//
// What is not done at once (`go_on`) is gone on with between commands, for as long as it says that
// there is more.
//
// Post may be called from any thread. The destructor lets everything posted be done, then joins; it
// must not run on the lane itself.

#ifndef DARKROOM_HOST_LANE_THREAD_H_
#define DARKROOM_HOST_LANE_THREAD_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/host_api.h"
#include "host/job_run.h"
#include "host/shared_work.h"

namespace darkroom::host {

struct LaneCommand {
  enum class Kind : uint8_t { kLoad, kRun, kPause, kResume, kLook, kUnload, kLeave };
  Kind kind = Kind::kRun;
  uint64_t memory = 0;  // of kLoad
  // Of kRun, a batch: as it came, or taken already and being decoded.
  std::vector<HostJob> batch;
  std::vector<JobRun*> runs;
  std::shared_ptr<SharedWork> decoding;
};

class LaneThread {
 public:
  // `go_on` may be empty.
  LaneThread(std::string name, std::function<void(LaneCommand&)> carry_out,
             std::function<bool()> go_on);
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;
  ~LaneThread();

  void Post(LaneCommand command);

 private:
  void Main();

  const std::string name_;
  const std::function<void(LaneCommand&)> carry_out_;
  const std::function<bool()> go_on_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::vector<LaneCommand> commands_;  // guarded by mutex_
  bool leaving_ = false;               // guarded by mutex_
  std::thread thread_;                 // last, since it uses the others
};

// CLOCK_MONOTONIC in nanoseconds, as deadlines are given.
uint64_t NowNs();
// Milliseconds since then.
inline double MsSince(uint64_t start_ns) { return static_cast<double>(NowNs() - start_ns) / 1e6; }

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_LANE_THREAD_H_
