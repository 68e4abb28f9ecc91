// SPDX-License-Identifier: Apache-2.0

#include "queue/job.h"

namespace darkroom {

std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
    case JobState::kExpired:
      return "expired";
  }
  return "unknown";
}

std::optional<JobState> JobStateByName(std::string_view name) {
  for (const JobState state : {JobState::kQueued, JobState::kRunning, JobState::kSucceeded,
                               JobState::kFailed, JobState::kCancelled, JobState::kExpired}) {
    if (JobStateName(state) == name) return state;
  }
  return std::nullopt;
}

JobState TerminalState(Code code) {
  switch (code) {
    case Code::kOk:
      return JobState::kSucceeded;
    case Code::kCancelled:
      return JobState::kCancelled;
    case Code::kDeadlineExceeded:
      return JobState::kExpired;
    default:
      return JobState::kFailed;
  }
}

}  // namespace darkroom
