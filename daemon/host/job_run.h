// SPDX-License-Identifier: Apache-2.0
//
// One job while its batch runs: what the daemon gave, what the plugin sees of it (dr_job_t), and
// how far it is. A lane has a fixed set of them (JobRuns) and uses them over and over: a plugin
// that keeps a job's pointer too long then holds one that can still be recognised, and small jobs
// allocate nothing.
//
// States: free -> open (the plugin may use it) -> ended. One thread has it at a time: a codec
// thread may decode it before the lane does, and encode what the lane has ended. Whatever is marked
// [any] may be called from any thread that has the job's pointer, at any time.

#ifndef DARKROOM_HOST_JOB_RUN_H_
#define DARKROOM_HOST_JOB_RUN_H_

#include <darkroom/plugin.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/model_info.h"
#include "core/status.h"
#include "host/host_api.h"
#include "host/job_inputs.h"
#include "host/job_outputs.h"
#include "host/module.h"

namespace darkroom::host {

class JobRun {
 public:
  enum class State : uint8_t { kFree, kOpen, kEnded };

  // `info`, which must outlive this, says what goes in and out.
  JobRun(const std::shared_ptr<Module>& module, const ModelInfo& info);

  const dr_job_t* abi() const { return &abi_; }
  State state() const { return state_.load(std::memory_order_acquire); }  // [any]

  // Takes a job that is one of so many in its batch.
  void Take(HostJob job, uint32_t batch_size);
  // Decodes its inputs. Fails if it is cancelled, late, or has bad inputs.
  Status Decode(const ImageLimits& limits);
  // From here on the plugin may use it. Fails if it was cancelled or is late by now.
  Status Open();
  // Of an open job: those that the plugin gave, so that it can be run again.
  void ForgetOutputs() { outputs_.Clear(); }
  // From here on the plugin may not use it.
  void End() { state_.store(State::kEnded, std::memory_order_release); }
  // Gives back everything of the job but its names.
  void Clear();

  // The calling thread works on it from here on; none does.
  void MarkBegun();
  void MarkWaiting();

  // It is used again when all who hold it have let go. LetGo: whether that is now. [any]
  void Hold() { holders_.fetch_add(1); }
  bool LetGo() { return holders_.fetch_sub(1) == 1; }

  bool IsCancelled() const;  // [any] while open
  // The same as an error that says which of the two, and when: "before it ran". OK: neither.
  Status WhyStopped(std::string_view when) const;

  // Whether somebody watches, and has been shown the last picture for long enough. [any] while open
  bool WantsPreview() const;
  void NotePreview();  // one is being given

  // Notes that the plugin broke a rule about this job, so that it cannot end well. The first words
  // count. [any]
  void SetViolation(const std::string& words);
  Status violation();  // OK if there was none

  const HostJob& job() const { return job_; }
  JobOutputs& outputs() { return outputs_; }
  Bytes icc() const { return inputs_.icc(); }
  JobResult& result() { return result_; }  // as far as it is known

 private:
  const ModelInfo& info_;
  dr_job_t abi_{};
  HostJob job_;
  JobInputs inputs_;
  JobOutputs outputs_;
  JobResult result_;
  std::atomic<State> state_{State::kFree};
  std::atomic<uint32_t> holders_{0};
  std::atomic<uint64_t> preview_after_ns_{0};  // the next
  std::atomic<bool> violated_{false};
  std::mutex violation_mutex_;
  std::string violation_;  // guarded by violation_mutex_
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JOB_RUN_H_
