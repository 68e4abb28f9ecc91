// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints has the runs of a step-wise plugin written down now and then, and taken up again
// (darkroom.checkpoint/1), so that a job whose worker or host is lost does not begin anew. Of a
// plugin that cannot it does nothing.
//
// A state costs a step's time here and there: it is made when a job has run for its `save_every`
// since the last one, and so seldom that making them takes a twentieth of the time at most. A
// plugin that fails at it costs its job nothing but the state.
//
// For the lane's thread.

#ifndef DARKROOM_HOST_CHECKPOINTS_H_
#define DARKROOM_HOST_CHECKPOINTS_H_

#include <darkroom/plugin.h>

#include <cstdint>
#include <string>

#include "core/status.h"
#include "host/host_api.h"
#include "host/job_run.h"
#include "host/lane_services.h"

namespace darkroom::host {

class Checkpoints {
 public:
  // All must outlive it; `table` may be nullptr.
  Checkpoints(const dr_checkpoint_t* table, dr_instance_t* instance, LaneServices* services,
              Events* events)
      : table_(table), instance_(instance), services_(services), events_(events) {}

  // When the first state of a job that begins now is to be made, for SaveIfDue; 0: never.
  static uint64_t FirstAt(const JobRun& run);

  // What begin is to a job without a state; `status` is how that went. False: there is none, or it
  // does not belong here, and the job is to be begun.
  bool TakeUp(JobRun* run, dr_run_t** plugin_run, Status* status);

  // Between two steps. `at`: when the next state is to be made, of this run.
  void SaveIfDue(JobRun* run, dr_run_t* plugin_run, uint64_t* at);

 private:
  void Warn(const JobRun& run, const std::string& why);

  const dr_checkpoint_t* const table_;
  dr_instance_t* const instance_;
  LaneServices* const services_;
  Events* const events_;
  bool warned_ = false;  // of states that could not be made: once, since it is the plugin's doing
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_CHECKPOINTS_H_
