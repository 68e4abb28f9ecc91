// SPDX-License-Identifier: Apache-2.0
//
// The batcher takes jobs that may run together out of a model's queue: the one that goes first, and
// those that share the manifest's batch key with it, of its own line and then of others'. Jobs it
// passes over stay in line where they were.
//
// A pure function on the io_context's thread.

#ifndef DARKROOM_SCHEDULER_BATCHER_H_
#define DARKROOM_SCHEDULER_BATCHER_H_

#include <cstdint>
#include <vector>

#include "queue/job_queue.h"
#include "queue/model.h"

namespace darkroom {

// Whether the two jobs, of one model, are equal in what its batches are of.
bool SameBatchKey(const Job& a, const Job& b);

// Takes `first` of `line`, which is of the model's queue, and at most `max` - 1 others that are due
// no earlier than `due`. The line may be gone then.
std::vector<Job*> TakeBatch(Model* model, const JobQueue::Line& line, Job* first, uint32_t max,
                            Job::Clock::time_point due = Job::Clock::time_point::min());

}  // namespace darkroom

#endif  // DARKROOM_SCHEDULER_BATCHER_H_
