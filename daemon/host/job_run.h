// SPDX-License-Identifier: Apache-2.0
//
// One job while its batch runs: what the daemon gave, what the plugin sees of it (dr_job_t), and
// how far it is. A lane has a fixed set of them, JobRuns, and uses them over and over: a plugin
// that keeps a job's pointer too long then holds one that can still be recognised, and small jobs
// allocate nothing.
//
// States: free -> open (the plugin may use it) -> ended. They change on the lane thread; whatever
// is marked [any] may be called from any thread that has the job's pointer, at any time.

#ifndef DARKROOM_HOST_JOB_RUN_H_
#define DARKROOM_HOST_JOB_RUN_H_

#include <darkroom/plugin.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/status.h"
#include "host/host_api.h"
#include "host/job_inputs.h"
#include "host/job_outputs.h"
#include "host/module.h"

namespace darkroom::host {

class JobRun {
 public:
  enum class State : uint8_t { kFree, kOpen, kEnded };

  explicit JobRun(std::shared_ptr<Module> module);

  const dr_job_t* abi() const { return &abi_; }
  State state() const { return state_.load(std::memory_order_acquire); }  // [any]

  // Takes a job and decodes its inputs. Fails if it is cancelled, late, or has bad inputs.
  Status Begin(HostJob job, const ImageLimits& limits);
  void Open() { state_.store(State::kOpen, std::memory_order_release); }
  // Gives back everything of the job but its names.
  void End();

  bool IsCancelled() const;  // [any] while open

  // Notes that the plugin broke a rule about this job, so that it cannot end well. The first words
  // count. [any]
  void SetViolation(const std::string& words);
  Status violation();  // OK if there was none

  const HostJob& job() const { return job_; }
  JobOutputs& outputs() { return outputs_; }
  Bytes icc() const { return inputs_.icc(); }
  double decode_ms() const { return decode_ms_; }

 private:
  Status CheckWaiting() const;

  const std::shared_ptr<Module> module_;
  dr_job_t abi_{};
  HostJob job_;
  JobInputs inputs_;
  JobOutputs outputs_;
  double decode_ms_ = 0;
  std::atomic<State> state_{State::kFree};
  std::atomic<bool> violated_{false};
  std::mutex violation_mutex_;
  std::string violation_;  // guarded by violation_mutex_
};

// The jobs of a lane's batches. Two sets alternate, so that a pointer of the last batch is not
// taken for one of this.
class JobRuns {
 public:
  JobRuns(const std::shared_ptr<Module>& module, uint32_t max_batch);

  // The set for the next batch.
  void Turn() { turn_ = 1 - turn_; }
  JobRun& At(size_t i) { return *runs_[turn_ * max_batch_ + i]; }
  uint32_t max_batch() const { return max_batch_; }

  // Whose dr_job_t this is, or nullptr. `job` is compared and never followed. [any]
  JobRun* Find(const dr_job_t* job);

 private:
  const uint32_t max_batch_;
  uint32_t turn_ = 0;
  std::vector<std::unique_ptr<JobRun>> runs_;  // never changes
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JOB_RUN_H_
