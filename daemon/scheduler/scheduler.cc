// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "scheduler/batcher.h"

namespace darkroom {

void Scheduler::AddLane(LaneClient* lane) { lanes_.push_back({lane, {}, true}); }

Scheduler::Entry& Scheduler::EntryOf(const LaneClient* lane) {
  const auto entry = std::find_if(lanes_.begin(), lanes_.end(),
                                  [lane](const Entry& one) { return one.lane == lane; });
  assert(entry != lanes_.end());
  return *entry;
}

void Scheduler::Serve(LaneClient* lane, Model* model) {
  std::vector<Model*>& models = EntryOf(lane).models;
  if (std::find(models.begin(), models.end(), model) != models.end()) return;
  models.push_back(model);
  if (!model->queue.empty()) Enqueued(model);
}

void Scheduler::StopServing(LaneClient* lane, Model* model) {
  std::vector<Model*>& models = EntryOf(lane).models;
  models.erase(std::remove(models.begin(), models.end(), model), models.end());
}

void Scheduler::Enqueued(Model* model) {
  for (Entry& entry : lanes_) {
    const bool serves =
        std::find(entry.models.begin(), entry.models.end(), model) != entry.models.end();
    if (!entry.waiting || !serves) continue;
    entry.waiting = false;
    entry.lane->Wake();
    // A lane that could not take the job (it runs another model's) waits on; another may be free.
    if (model->queue.empty()) return;
  }
}

std::vector<Job*> Scheduler::Next(LaneClient* lane, const Model* only) {
  Entry& entry = EntryOf(lane);
  Model* oldest = nullptr;
  for (Model* model : entry.models) {
    if (model->queue.empty()) continue;
    if (oldest == nullptr || model->queue.front()->token < oldest->queue.front()->token) {
      oldest = model;
    }
  }
  entry.waiting = oldest == nullptr || (only != nullptr && oldest != only);
  if (entry.waiting) return {};
  return TakeBatch(oldest);
}

}  // namespace darkroom
