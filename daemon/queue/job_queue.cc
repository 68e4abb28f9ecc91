// SPDX-License-Identifier: Apache-2.0

#include "queue/job_queue.h"

#include <algorithm>

namespace darkroom {
namespace {

// Tokens rise with acceptance: of two with the same deadline the older goes first.
bool GoesBefore(const Job* a, const Job* b) {
  return a->deadline != b->deadline ? a->deadline < b->deadline : a->token < b->token;
}

}  // namespace

std::vector<JobQueue::Line>::iterator JobQueue::FindLine(const Job& job) {
  return std::find_if(lines_.begin(), lines_.end(), [&job](const Line& line) {
    return line.job_class == job.job_class && line.tenant == job.tenant;
  });
}

void JobQueue::PutBack(Job* job) {
  auto line = FindLine(*job);
  if (line == lines_.end()) {
    const auto place = std::upper_bound(
        lines_.begin(), lines_.end(), job->job_class,
        [](JobClass job_class, const Line& one) { return job_class < one.job_class; });
    line = lines_.insert(place, {job->job_class, job->tenant, {}});
  }
  std::deque<Job*>& jobs = line->jobs;
  jobs.insert(std::upper_bound(jobs.begin(), jobs.end(), job, GoesBefore), job);
  ++size_;
  ++sizes_[static_cast<size_t>(job->job_class)];
  bytes_ += job->request.message.bytes();
}

void JobQueue::Remove(const Job* job) {
  const auto line = FindLine(*job);
  assert(line != lines_.end());
  std::deque<Job*>& jobs = line->jobs;
  const auto place = std::lower_bound(jobs.begin(), jobs.end(), job, GoesBefore);
  assert(place != jobs.end() && *place == job);
  jobs.erase(place);
  if (jobs.empty()) lines_.erase(line);
  --size_;
  --sizes_[static_cast<size_t>(job->job_class)];
  bytes_ -= job->request.message.bytes();
}

std::vector<Job*> JobQueue::TakeAll() {
  std::vector<Job*> all;
  all.reserve(size_);
  ForEach([&all](Job* job) { all.push_back(job); });
  std::sort(all.begin(), all.end(), [](const Job* a, const Job* b) { return a->token < b->token; });
  *this = JobQueue(capacity_);
  return all;
}

Job* JobQueue::Oldest() const {
  Job* oldest = nullptr;
  ForEach([&oldest](Job* job) {
    if (oldest == nullptr || job->token < oldest->token) oldest = job;
  });
  return oldest;
}

void JobQueue::ForEach(const std::function<void(Job*)>& visit) const {
  for (const Line& line : lines_) {
    for (Job* job : line.jobs) visit(job);
  }
}

}  // namespace darkroom
