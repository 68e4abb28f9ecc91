// SPDX-License-Identifier: Apache-2.0
//
// Job is a request that was accepted: the one object that moves through the daemon. It ends exactly
// once, in one of four states; whoever ends it replies.
//
// Lives on the io_context's thread, owned by the JobTable. Only `cancel` is shared: an instance's
// lane polls it.

#ifndef DARKROOM_QUEUE_JOB_H_
#define DARKROOM_QUEUE_JOB_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "message/request.h"

namespace darkroom {

struct Model;

enum class JobState : uint8_t { kQueued, kRunning, kSucceeded, kFailed, kCancelled, kExpired };

std::string_view JobStateName(JobState state);
inline bool IsTerminal(JobState state) { return state > JobState::kRunning; }

// The state that a job with this outcome ends in.
JobState TerminalState(Code code);

struct Job {
  using Clock = std::chrono::steady_clock;

  uint64_t token = 0;  // unique in this process; rises with acceptance
  std::string id;
  std::shared_ptr<Model> model;
  Request request;
  std::shared_ptr<const std::string>
      params;  // JSON, checked and complete; often shared by many jobs

  JobState state = JobState::kQueued;
  uint32_t attempts = 0;
  Clock::time_point accepted{};
  Clock::time_point started{};  // of the last attempt
  Clock::time_point deadline{};
  std::atomic<int32_t> cancel{0};

  double progress = 0;
  std::string stage;
  Clock::time_point progress_sent{};
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_JOB_H_
