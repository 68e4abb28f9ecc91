// SPDX-License-Identifier: Apache-2.0

#include "host/job_runs.h"

#include <cassert>

namespace darkroom::host {
namespace {

// One batch is decoded, one runs, one is encoded.
constexpr uint32_t kBatches = 3;

}  // namespace

JobRuns::JobRuns(const std::shared_ptr<Module>& module, const ModelInfo& info, uint32_t max_batch)
    : max_batch_(max_batch) {
  for (uint32_t i = 0; i < kBatches * max_batch; ++i) {
    JobRun* const run = runs_.emplace_back(std::make_unique<JobRun>(module, info)).get();
    by_abi_.emplace(run->abi(), run);
    free_.push_back(run);
  }
}

std::vector<JobRun*> JobRuns::TakeLocked(size_t count) {
  const auto end = free_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<JobRun*> taken(free_.begin(), end);
  free_.erase(free_.begin(), end);
  for (JobRun* const run : taken) run->Hold();
  return taken;
}

std::vector<JobRun*> JobRuns::TryTake(size_t count) {
  const std::lock_guard lock(mutex_);
  if (free_.size() < count) return {};
  return TakeLocked(count);
}

std::vector<JobRun*> JobRuns::Take(size_t count) {
  assert(count <= max_batch_);
  std::unique_lock lock(mutex_);
  given_back_.wait(lock, [&] { return free_.size() >= count; });
  return TakeLocked(count);
}

void JobRuns::LetGo(JobRun* run) {
  if (!run->LetGo()) return;
  // Notified under the lock: whoever waits may destroy this then.
  const std::lock_guard lock(mutex_);
  free_.push_back(run);
  given_back_.notify_all();
}

JobRun* JobRuns::Find(const dr_job_t* job) const {
  const auto found = by_abi_.find(job);
  return found == by_abi_.end() ? nullptr : found->second;
}

}  // namespace darkroom::host
