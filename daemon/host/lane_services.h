// SPDX-License-Identifier: Apache-2.0
//
// LaneServices are an instance's dr_host_t: everything that the ABI offers on a lane. Each call's
// tags are checked here: a call on the wrong thread, in the wrong state, about a job that is ended
// or was never given is logged as misbehaviour, does nothing, and where it concerns a job of the
// running batch, that job ends with kInternal.
//
// StartBatch, EndJob and the rest of the public functions are for the lane thread; what the plugin
// calls may come from any thread.

#ifndef DARKROOM_HOST_LANE_SERVICES_H_
#define DARKROOM_HOST_LANE_SERVICES_H_

#include <darkroom/plugin.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "core/status.h"
#include "host/host_api.h"
#include "host/host_services.h"
#include "host/job_run.h"
#include "host/lane_memory.h"
#include "host/module.h"

namespace darkroom::host {

class LaneServices final : public HostServices {
 public:
  LaneServices(const std::shared_ptr<Module>& module, const LaneSpec& lane, Events* events);

  // Says that the calling thread is the lane.
  void EnterLane() { lane_.store(std::this_thread::get_id(), std::memory_order_relaxed); }

  JobRuns& jobs() { return jobs_; }

  // What all results of the batch say. To be called before its first EndJob.
  void StartBatch(uint32_t size, double load_ms);
  void StartInfer();

  // Ends a job that is not ended yet: encodes its outputs if `status` is OK, and reports it.
  void EndJob(JobRun* run, Status status);

  // Gives back what the plugin left of leases and scratch memory, and says so.
  void ReleaseMemory();

  void Log(LogLevel level, std::string_view message) override { events_->OnLog(level, message); }

 protected:
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

 private:
  // Whether the call in progress may use the lane's memory; if not, it is logged.
  bool CheckLane(const char* function);
  // The open job of a call that belongs inside infer on the lane, or nullptr after logging why not.
  JobRun* CheckJob(const dr_job_t* job, const char* function);
  // Logs a broken rule that concerns a job, and remembers it there.
  void Violate(JobRun* run, const std::string& what);
  // The ABI's answer to a failed output or adopt.
  dr_status Refuse(JobRun* run, const Status& status);
  Status EncodeOutputs(JobRun* run, JobResult* result);

  Events* const events_;
  std::atomic<std::thread::id> lane_{};
  LaneMemory memory_;
  JobRuns jobs_;
  uint32_t batch_size_ = 0;
  double load_ms_ = 0;
  uint64_t infer_start_ns_ = 0;  // 0: the batch has not come to infer
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_LANE_SERVICES_H_
