// SPDX-License-Identifier: Apache-2.0

#include "scheduler/batcher.h"

#include <algorithm>
#include <string>

#include "core/json.h"

namespace darkroom {
namespace {

// How far behind the first a companion may stand: bounds the work of a decision, not the size of a
// batch.
constexpr size_t kLookAhead = 256;

const RequestInput* FindInput(const Job& job, const std::string& name) {
  for (const RequestInput& input : job.request.inputs) {
    if (input.info->name == name) return &input;
  }
  return nullptr;
}

bool SameInput(const Job& a, const Job& b, const std::string& name) {
  const RequestInput* one = FindInput(a, name);
  const RequestInput* other = FindInput(b, name);
  if (one == nullptr || other == nullptr) return one == other;
  return AsText(one->bytes) == AsText(other->bytes);
}

bool SameKey(const Job& a, const Job& b) {
  const ModelInfo& info = a.contract->info;
  if (info.batch_key.empty()) return true;
  const bool same_params = a.params == b.params || *a.params == *b.params;
  nlohmann::json params_a;
  nlohmann::json params_b;
  if (!same_params) {
    // Both were written by WriteJson at admission.
    params_a = nlohmann::json::parse(*a.params);
    params_b = nlohmann::json::parse(*b.params);
  }
  return std::all_of(info.batch_key.begin(), info.batch_key.end(), [&](const std::string& name) {
    if (info.FindInput(name) != nullptr) return SameInput(a, b, name);
    return same_params ||
           params_a.value(name, nlohmann::json()) == params_b.value(name, nlohmann::json());
  });
}

auto FirstDue(const JobQueue::Line& line, Job::Clock::time_point due) {
  return std::partition_point(line.jobs.begin(), line.jobs.end(),
                              [due](const Job* job) { return job->deadline < due; });
}

}  // namespace

bool SameBatchKey(const Job& a, const Job& b) { return a.contract == b.contract && SameKey(a, b); }

std::vector<Job*> TakeBatch(Model* model, const JobQueue::Line& line, Job* first, uint32_t max,
                            Job::Clock::time_point due) {
  std::vector<Job*> batch = {first};
  // One that an attempt has failed for runs alone, so that it cannot take others with it again.
  if (first->attempts == 0) {
    size_t seen = 0;
    const auto take_from = [&](const JobQueue::Line& from) {
      for (auto place = FirstDue(from, due); place != from.jobs.end(); ++place) {
        Job* const job = *place;
        if (batch.size() >= max || seen >= kLookAhead) return;
        if (job == first) continue;
        ++seen;
        if (job->attempts == 0 && SameBatchKey(*first, *job)) batch.push_back(job);
      }
    };
    take_from(line);
    for (const JobQueue::Line& other : model->queue.lines()) {
      if (&other != &line) take_from(other);
    }
  }
  for (const Job* job : batch) model->queue.Remove(job);
  return batch;
}

}  // namespace darkroom
