// SPDX-License-Identifier: Apache-2.0

#include "scheduler/batcher.h"

#include <algorithm>

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

}  // namespace

std::vector<Job*> TakeBatch(Model* model) {
  JobQueue& queue = model->queue;
  std::vector<Job*> batch;
  if (queue.empty()) return batch;
  batch.push_back(queue.front());
  queue.PopFront();
  // One that an attempt has failed for runs alone, so that it cannot take others with it again.
  if (batch.front()->attempts > 0) return batch;
  size_t place = 0;
  for (size_t seen = 0;
       batch.size() < model->contract->max_batch && place < queue.size() && seen < kLookAhead;
       ++seen) {
    Job* job = queue.at(place);
    if (job->attempts > 0 || job->contract != batch.front()->contract ||
        !SameKey(*batch.front(), *job)) {
      ++place;
      continue;
    }
    batch.push_back(job);
    if (place == 0) {
      queue.PopFront();
    } else {
      queue.Remove(job);
    }
  }
  return batch;
}

}  // namespace darkroom
