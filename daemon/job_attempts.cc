// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a job when what runs it is lost, and where it then goes on: JobFlow::OnJobLost,
// OnJobSaved.

#include <fmt/format.h>

#include <string>
#include <utility>

#include "core/units.h"
#include "job_flow.h"

namespace darkroom {
namespace {

// A job that was running in so many workers when they ended is not tried again.
constexpr uint32_t kMostAttempts = 3;

// Of the states of all jobs: those of hundreds that draw large pictures.
constexpr uint64_t kMostSavedBytes = uint64_t{512} << 20;

Status TooManyAttempts(const Job& job, Code code) {
  std::string history;
  for (size_t i = 0; i < job.history.size(); ++i) {
    history += fmt::format("{}{}: {}", i == 0 ? "" : "; ", i + 1, job.history[i]);
  }
  return {code == Code::kDeviceLost ? code : Code::kInstanceLost,
          fmt::format("the job was tried {} times, and each time what ran it was lost ({})",
                      job.attempts, history),
          "the daemon's log says more; the same request will most likely do it again"};
}

}  // namespace

void JobFlow::OnJobLost(uint64_t token, bool to_blame, const Status& why, const Device* device) {
  Job* job = jobs_.Find(token);
  if (job == nullptr) return;
  if (to_blame) job->history.push_back(why.message());
  if (to_blame && job->saved != nullptr && job->saved == job->went_on_from) {
    // It got no further from there: the state itself may be why.
    job->saved.reset();
    if (job->sink != nullptr) job->sink->OnJobSaved(*job);
  }
  host::JobResult result;
  if (job->cancel != 0) {
    result.status = {Code::kCancelled, "cancelled while it ran"};
  } else if (job->deadline <= Job::Clock::now()) {
    result.status = {Code::kDeadlineExceeded,
                     "the deadline passed while the job ran: " + why.message(),
                     "allow more time with Darkroom-Deadline"};
  } else if (to_blame && job->attempts >= kMostAttempts) {
    result.status = TooManyAttempts(*job, why.code());
  } else {
    log_.warn("{} {}: {}; it is tried again{}", job->id, job->model->config.name, why.message(),
              to_blame ? fmt::format(" (attempt {} of {})", job->attempts + 1, kMostAttempts) : "");
    kept_.erase(token);
    jobs_.GiveBack(job, to_blame);
    job->model->queue.PutBack(job);
    scheduler_.Enqueued(job->model.get());
    return;
  }
  OnJobDone(token, std::move(result), device);
}

void JobFlow::OnJobSaved(uint64_t token, SavedState state) {
  Job* job = jobs_.Find(token);
  if (job == nullptr) return;
  if (jobs_.KeepState(job, std::move(state), kMostSavedBytes)) {
    if (job->sink != nullptr) job->sink->OnJobSaved(*job);
  } else if (!std::exchange(told_of_states_, true)) {
    log_.warn("the states of running jobs take more than {}: newer ones are not kept",
              FormatSize(kMostSavedBytes));
  }
}

}  // namespace darkroom
