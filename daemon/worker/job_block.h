// SPDX-License-Identifier: Apache-2.0
//
// A job's block in the arena: what the two ends tell each other while it runs (JobControl), its
// inputs, what else is to be known of it, and room for its outputs. The daemon lays it out in one
// piece, so that a job costs one allocation and its input bytes one copy.
//
//   [JobControl][input bytes, each on a cache line]...[state][description][room]
//
// WriteJobBlock is for the daemon's io_context's thread, ReadJobBlock for the worker's control
// thread. JobControl's fields may be read and written by both processes at any time.

#ifndef DARKROOM_WORKER_JOB_BLOCK_H_
#define DARKROOM_WORKER_JOB_BLOCK_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "host/host_api.h"
#include "worker/arena.h"
#include "worker/records.h"

namespace darkroom {

// Lives at the beginning of a job's block. Lock-free atomics only, which work across processes.
struct JobControl {
  static constexpr size_t kStageSize = 96;

  std::atomic<int32_t> cancel{0};    // daemon: stop
  std::atomic<uint32_t> started{0};  // worker: the thread that has begun with the job
  // Worker: the newest progress. Odd while it is being written, so that a reader can tell.
  std::atomic<uint32_t> progress_version{0};
  std::atomic<uint32_t> stage_size{0};
  std::atomic<double> fraction{0};
  std::atomic<uint32_t> preview_out{0};  // worker: one is on its way; daemon: it has come
  std::array<std::atomic<uint64_t>, kStageSize / sizeof(uint64_t)> stage{};

  void WriteProgress(double new_fraction, std::string_view new_stage);
  // False: there is nothing newer than `*version`.
  bool ReadProgress(uint32_t* version, double* new_fraction, std::string* new_stage) const;
};
static_assert(std::atomic<uint32_t>::is_always_lock_free &&
              std::atomic<uint64_t>::is_always_lock_free &&
              std::atomic<double>::is_always_lock_free);
static_assert(sizeof(JobControl) <= 128);

// Lays a job out in a new block, which has `room` bytes for outputs. nullptr: the arena has no
// such run.
std::shared_ptr<ArenaBlock> WriteJobBlock(const std::shared_ptr<Arena>& arena,
                                          const host::HostJob& job, uint64_t room);

inline JobControl* ControlOf(std::byte* block) { return reinterpret_cast<JobControl*>(block); }

struct JobBlock {
  host::HostJob job;  // its inputs and cancel flag lie in the block
  std::byte* room = nullptr;
  uint64_t room_size = 0;
};

// An error says that it is no job's block.
Result<JobBlock> ReadJobBlock(const SharedMemory& memory, const JobPlace& place);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_JOB_BLOCK_H_
