// SPDX-License-Identifier: Apache-2.0
//
// The scheduler is the only one who decides which batch runs on which lane. Lanes ask for work and
// are woken when there is some; among the models that a lane serves, the job that has waited
// longest goes first.
//
// A pure decider for the io_context's thread: it keeps no time and starts nothing, so that it runs
// alike in a simulation.

#ifndef DARKROOM_SCHEDULER_SCHEDULER_H_
#define DARKROOM_SCHEDULER_SCHEDULER_H_

#include <vector>

#include "queue/model.h"

namespace darkroom {

// Who asks the scheduler for work.
class LaneClient {
 public:
  virtual ~LaneClient() = default;
  // There may be work: ask.
  virtual void Wake() = 0;
};

class Scheduler {
 public:
  // Must outlive the scheduler's use.
  void AddLane(LaneClient* lane);

  // From now on the lane can run the model's batches, or cannot. Either may be said again.
  void Serve(LaneClient* lane, Model* model);
  void StopServing(LaneClient* lane, Model* model);

  // A job was put into the model's queue: wakes one lane that waits for such.
  void Enqueued(Model* model);

  // The batch that the lane should run next; empty: none, and the lane will be woken. `only`, if
  // set, is the model whose batch still runs there: another model's job is then not given, and
  // neither is one of its own that would overtake another's, since the lane can run only one model
  // at a time.
  std::vector<Job*> Next(LaneClient* lane, const Model* only);

 private:
  struct Entry {
    LaneClient* lane;
    std::vector<Model*> models;
    bool waiting = false;
  };

  Entry& EntryOf(const LaneClient* lane);

  std::vector<Entry> lanes_;
};

}  // namespace darkroom

#endif  // DARKROOM_SCHEDULER_SCHEDULER_H_
