// SPDX-License-Identifier: Apache-2.0
//
// The scheduler is the only one who decides which batch runs on which lane. Lanes ask for work and
// are woken when there is some. Of what is ready on a lane it gives
//   the most urgent class, save that a class which waits is given `floor` of the lanes' time;
//   of the tenants in a class the one that has had the least of its share;
//   of a tenant's jobs the one with the earliest deadline that can be met, with others that may
//   share its batch.
// What runs in steps it lets others join, and pauses for a class that goes before it.
// docs/scheduling.md tells why.
//
// A pure decider for the io_context's thread: it keeps no time and starts nothing, so that it runs
// alike in a simulation.

#ifndef DARKROOM_SCHEDULER_SCHEDULER_H_
#define DARKROOM_SCHEDULER_SCHEDULER_H_

#include <optional>
#include <vector>

#include "queue/model.h"
#include "scheduler/class_floor.h"

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
  using Time = Job::Clock::time_point;

  // `floor`: the part of the lanes' time that a class is given at least while others go before it.
  explicit Scheduler(double floor = 0.05) : classes_(floor) {}

  void SetFloor(double floor) { classes_.SetPart(floor); }

  // Must outlive the scheduler's use.
  void AddLane(LaneClient* lane);

  // From now on the lane can run the model's batches, or cannot. Either may be said again.
  void Serve(LaneClient* lane, Model* model);
  void StopServing(LaneClient* lane, Model* model);

  // A job was put into the model's queue, or may be taken out of it now: wakes lanes that wait for
  // such.
  void Enqueued(Model* model);

  // What runs on the lane that asks. Another model's job is then not given, and neither is one of
  // its own that would go before another's, since a lane runs one model at a time.
  struct Running {
    const Model* model;
    Time since;  // its last batch
  };
  // What runs in steps on the lane, or is paused there.
  struct StepRun {
    const Model* model;
    JobClass job_class;  // of the most urgent of its jobs
    const Job* like;     // one of them, whose batch key who joins must share
    uint32_t room;       // for so many more
    bool paused;         // all but one are, and all while a batch runs
  };
  struct Choice {
    std::vector<Job*> batch;    // empty: none now, and the lane will be woken
    std::optional<Time> again;  // or is to ask at this time
    // Of the runs: the one that is to go on, with the batch, if there is one, among its jobs.
    std::optional<size_t> resume;
    bool pause = false;  // what runs in steps is to pause, and the lane is to ask then
  };
  Choice Next(LaneClient* lane, const std::optional<Running>& running, Time now,
              const std::vector<StepRun>& runs = {});

  // What a job that was given out has taken of its lane, and not what it was thought to take.
  void Correct(const Job& job, double ms);

 private:
  struct Entry {
    LaneClient* lane;
    std::vector<Model*> models;
    bool waiting = false;
    Time step_end{};  // of the step that its class was last charged for
  };
  struct Candidate {
    Model* model = nullptr;
    const JobQueue::Line* line = nullptr;
    Job* job = nullptr;  // of the line, that goes first
    Time due{};          // what is due earlier is not thought to be done in time
  };

  Entry& EntryOf(const LaneClient* lane);
  PerClass<Candidate> Candidates(const Entry& entry, Time now, std::optional<Time>* again) const;
  bool GoesBefore(const Candidate& a, const Candidate& b) const;
  double VirtualStart(const JobQueue::Line& line) const;
  Choice NextBeside(Entry* entry, const std::vector<StepRun>& runs, bool batch_runs,
                    const PerClass<Candidate>& best, Time now, std::optional<Time> again);
  // At most so many.
  std::vector<Job*> Take(const Candidate& candidate, uint32_t most = UINT32_MAX);

  std::vector<Entry> lanes_;
  ClassFloor classes_;
  PerClass<double> virtual_now_{};  // where the last job that was given began
};

}  // namespace darkroom

#endif  // DARKROOM_SCHEDULER_SCHEDULER_H_
