// SPDX-License-Identifier: Apache-2.0
//
// StepLoop runs jobs that are made of steps (darkroom.stepwise/1): those that run make each step
// together, and between two steps others join them, cancelled ones are taken out, and the whole may
// pause, so that another model has the device.
//
// For the lane's thread.

#ifndef DARKROOM_HOST_STEP_LOOP_H_
#define DARKROOM_HOST_STEP_LOOP_H_

#include <darkroom/plugin.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "host/checkpoints.h"
#include "host/host_api.h"
#include "host/job_run.h"
#include "host/lane_services.h"
#include "host/lane_thread.h"

namespace darkroom::host {

class StepLoop {
 public:
  // Whether the jobs of a command have been taken and decoded; waits until they are if it is told
  // to.
  using Ready = std::function<bool(LaneCommand*, bool wait)>;

  // All must outlive it. `states`: nullptr where runs cannot be written down.
  StepLoop(const dr_stepwise_t& table, const dr_checkpoint_t* states, dr_instance_t* instance,
           LaneServices* services, Events* events, Ready ready);

  // The jobs of a kRun, which join when they are ready and there is room. When all of them have
  // ended that is an OnBatchDone.
  void Add(LaneCommand command) { coming_.push_back(std::move(command)); }

  // Answered by OnPaused when no step is being made.
  void Pause();
  void Resume() { paused_ = false; }

  // Takes out what was cancelled or is late, lets join what is decoded, and makes a step unless it
  // is paused. False: there is nothing to do now.
  bool GoOn();

  // Goes on until every job has ended, paused or not.
  void RunOut();

 private:
  struct Batch {
    uint32_t left;  // jobs
  };
  struct Running {
    JobRun* run;
    dr_run_t* plugin_run;
    std::shared_ptr<Batch> batch;
    uint32_t company;  // those that made a step with it, itself among them, of all its steps
    uint64_t save_at;  // as Checkpoints has it
  };

  void LetJoin();
  void Begin(JobRun* run, const std::shared_ptr<Batch>& batch);
  void TakeOutStopped();
  void Step();
  // Makes the next step of these, and keeps those that need more. False: it failed for several, and
  // may not for each alone.
  bool StepOf(std::span<Running> group);
  void Finish(const Running& one);
  // Ends the job, and lets go of what the plugin has of it.
  void End(const Running& one, Status status);
  void LetGo(JobRun* run, Batch* batch);

  const dr_stepwise_t& table_;
  dr_instance_t* const instance_;
  LaneServices* const services_;
  Events* const events_;
  const Ready ready_;
  Checkpoints checkpoints_;
  std::deque<LaneCommand> coming_;
  std::vector<Running> running_;
  bool paused_ = false;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_STEP_LOOP_H_
