// SPDX-License-Identifier: Apache-2.0
//
// The batcher takes jobs that may run together from the front of a queue: those that share the
// manifest's batch key with the first, in their order, up to a number. Jobs it passes over stay in
// line where they were.
//
// A pure function on the io_context's thread.

#ifndef DARKROOM_SCHEDULER_BATCHER_H_
#define DARKROOM_SCHEDULER_BATCHER_H_

#include <cstdint>
#include <vector>

#include "queue/job_queue.h"
#include "queue/model.h"

namespace darkroom {

// Takes the next batch out of the model's queue; empty if the queue is.
std::vector<Job*> TakeBatch(Model* model);

}  // namespace darkroom

#endif  // DARKROOM_SCHEDULER_BATCHER_H_
