// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "scheduler/batcher.h"

namespace darkroom {

void Scheduler::AddLane(LaneClient* lane, std::vector<Model*> models) {
  lanes_.push_back({lane, std::move(models), true});
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
  const auto entry = std::find_if(lanes_.begin(), lanes_.end(),
                                  [lane](const Entry& one) { return one.lane == lane; });
  assert(entry != lanes_.end());
  Model* oldest = nullptr;
  for (Model* model : entry->models) {
    if (model->queue.empty()) continue;
    if (oldest == nullptr || model->queue.front()->token < oldest->queue.front()->token) {
      oldest = model;
    }
  }
  entry->waiting = oldest == nullptr || (only != nullptr && oldest != only);
  if (entry->waiting) return {};
  return TakeBatch(oldest);
}

}  // namespace darkroom
