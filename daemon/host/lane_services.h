// SPDX-License-Identifier: Apache-2.0
//
// LaneServices are an instance's dr_host_t: everything that the ABI offers on a lane. Each call's
// tags are checked here: a call on the wrong thread, in the wrong state, about a job that is ended
// or was never given is logged as misbehaviour, does nothing, and where it concerns a job of the
// running batch, that job ends with kInternal.
//
// The public functions are for the lane thread, save where they say otherwise; what the plugin
// calls may come from any thread.

#ifndef DARKROOM_HOST_LANE_SERVICES_H_
#define DARKROOM_HOST_LANE_SERVICES_H_

#include <darkroom/plugin.h>
#include <darkroom/sim.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/status.h"
#include "core/task_threads.h"
#include "host/host_api.h"
#include "host/host_services.h"
#include "host/job_run.h"
#include "host/job_runs.h"
#include "host/lane_memory.h"
#include "host/module.h"

namespace darkroom::host {

class LaneServices final : public HostServices {
 public:
  // `info`: what goes in and out of this instance's model.
  LaneServices(const std::shared_ptr<Module>& module, ModelInfo info, const LaneSpec& lane,
               std::shared_ptr<TaskThreads> codecs, Events* events);

  const ModelInfo& info() const { return info_; }

  // Says that the calling thread is the lane.
  void EnterLane() { lane_.store(std::this_thread::get_id(), std::memory_order_relaxed); }

  JobRuns& jobs() { return jobs_; }

  // What the lane has been told to do and has not done. [any]
  std::atomic<uint32_t>& waiting() { return waiting_; }

  // Lets the plugin use a job, or refuses it.
  bool Open(JobRun* run);
  // From here to EndBatch the lane has a batch; from StartInfer on its jobs run.
  void StartBatch();
  void StartInfer();
  void EndBatch();
  // Ends a job that was opened: encodes its outputs if `status` is OK, and reports it. Where the
  // lane has other things to do, a codec thread encodes.
  void EndJob(JobRun* run, Status status);
  // Ends a job that was not opened. [whoever has it]
  void Refuse(JobRun* run, Status status);
  // Waits for what codec threads encode.
  void AwaitEncoded();

  // What the instance may hold of its device; kNoMemoryLimit: anything. More has to be asked for.
  void SetMemoryBudget(uint64_t bytes) { memory_.SetBudget(bytes); }
  // Of an Events::OnReserve. [any]
  void AnswerReserve(const Status& status);

  // Reports what the instance has added to the plugin's metrics since this was last called.
  void TellMetrics();

  // Gives back what the plugin left of leases and scratch memory, and says so.
  void ReleaseMemory();

  void Log(LogLevel level, std::string_view message) override { events_->OnLog(level, message); }

 protected:
  const void* Extension(std::string_view id) override;
  dr_status Reserve(uint64_t bytes, dr_lease_t** lease) override;
  void Release(dr_lease_t* lease) override;
  dr_status Allocate(dr_device_t device, uint64_t bytes, void** data) override;
  void Free(void* data) override;
  bool IsCancelled(const dr_job_t* job) override;
  void Progress(const dr_job_t* job, double fraction, std::string_view stage) override;
  dr_status Output(const dr_job_t* job, const char* name, const dr_tensor_t* like,
                   dr_tensor_t* out) override;
  dr_status Adopt(const dr_job_t* job, const char* name, dr_managed_tensor_t* tensor) override;
  void Finish(const dr_job_t* job, dr_status status) override;
  bool WantsPreview(const dr_job_t* job) override;
  dr_status ShowPreview(const dr_job_t* job, const dr_tensor_t* picture) override;

 private:
  // Whether the call in progress may use the lane's memory; if not, it is logged.
  bool CheckLane(const char* function);
  // The open job of a call that belongs inside infer on the lane, or nullptr after logging why not.
  JobRun* CheckJob(const dr_job_t* job, const char* function);
  // Logs a broken rule that concerns a job, and remembers it there.
  void Violate(JobRun* run, const std::string& what);
  // The ABI's answer to a failed output or adopt.
  dr_status Reject(JobRun* run, const Status& status);
  static Status EncodeOutputs(JobRun* run, JobResult* result);
  // Encodes and reports. [whoever has the job]
  void Conclude(JobRun* run);
  void HandOver(JobRun* run);     // has a codec thread conclude it
  Status AskFor(uint64_t bytes);  // and waits

  Events* const events_;
  MetricSums sums_;
  std::vector<uint64_t> told_;  // of them; the lane's
  const dr_sim_t sim_;          // its speed is 0 on a real device
  std::atomic<std::thread::id> lane_{};
  LaneMemory memory_;
  const bool stepwise_;
  const ModelInfo info_;
  JobRuns jobs_;
  const std::shared_ptr<TaskThreads> codecs_;
  std::atomic<uint32_t> waiting_{0};
  uint32_t open_ = 0;            // jobs
  uint64_t batch_start_ns_ = 0;  // 0: the lane has no batch
  uint64_t infer_start_ns_ = 0;  // 0: and it does not run

  std::mutex reserve_mutex_;
  std::condition_variable answered_;
  std::optional<Status> answer_;  // guarded by reserve_mutex_

  std::mutex encoding_mutex_;
  std::condition_variable encoded_;
  uint32_t encoding_ = 0;  // jobs; guarded by encoding_mutex_
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_LANE_SERVICES_H_
