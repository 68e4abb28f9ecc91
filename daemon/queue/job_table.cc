// SPDX-License-Identifier: Apache-2.0

#include "queue/job_table.h"

#include <cassert>
#include <utility>

#include "queue/model.h"

namespace darkroom {

bool JobTable::Add(std::unique_ptr<Job> job) {
  if (!gate_.Enter()) return false;
  ++CountOf(job->state);
  bytes_ += job->request.message.bytes();
  const uint64_t token = job->token;
  jobs_.emplace(token, std::move(job));
  return true;
}

Job* JobTable::Find(uint64_t token) const {
  const auto found = jobs_.find(token);
  return found == jobs_.end() ? nullptr : found->second.get();
}

void JobTable::Start(Job* job) {
  assert(job->state == JobState::kQueued);
  --CountOf(JobState::kQueued);
  ++CountOf(JobState::kRunning);
  job->state = JobState::kRunning;
  job->started = Job::Clock::now();
  ++job->model->running;
  ++job->attempts;
}

void JobTable::GiveBack(Job* job, bool count) {
  assert(job->state == JobState::kRunning);
  if (!count) --job->attempts;
  job->runner = nullptr;
  --job->model->running;
  --CountOf(JobState::kRunning);
  ++CountOf(JobState::kQueued);
  job->state = JobState::kQueued;
}

bool JobTable::KeepState(Job* job, SavedState state, uint64_t most) {
  uint64_t others = 0;
  for (const auto& [token, other] : jobs_) {
    if (other.get() != job && other->saved != nullptr) others += other->saved->bytes.size();
  }
  if (others + state.bytes.size() > most) return false;
  job->saved = std::make_shared<const SavedState>(std::move(state));
  return true;
}

void JobTable::Drop(uint64_t token) {
  const auto found = jobs_.find(token);
  assert(found != jobs_.end() && found->second->state == JobState::kQueued);
  --CountOf(JobState::kQueued);
  bytes_ -= found->second->request.message.bytes();
  jobs_.erase(found);
  gate_.Leave();
}

std::unique_ptr<Job> JobTable::End(uint64_t token, JobState state) {
  assert(IsTerminal(state));
  const auto found = jobs_.find(token);
  if (found == jobs_.end()) return nullptr;
  std::unique_ptr<Job> job = std::move(found->second);
  jobs_.erase(found);
  if (job->state == JobState::kRunning) --job->model->running;
  --CountOf(job->state);
  ++CountOf(state);
  bytes_ -= job->request.message.bytes();
  job->state = state;
  gate_.Leave();
  return job;
}

void JobTable::ForEach(const std::function<void(Job&)>& visit) const {
  for (const auto& [token, job] : jobs_) visit(*job);
}

}  // namespace darkroom
