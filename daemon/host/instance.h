// SPDX-License-Identifier: Apache-2.0
//
// LaneInstance is a model on a lane: the plugin's instance, the thread that it lives on and the
// services that it is given. It carries out Load, Run and Unload in order on its lane and reports
// by Events. While the lane is busy, codec threads decode the pictures of the next batch and encode
// those of the last.
//
// Create, the functions of Instance and the destructor are for the control thread. The destructor
// waits until what was asked for is done and the instance is unloaded; set the jobs' cancel flags
// first to make that short.

#ifndef DARKROOM_HOST_INSTANCE_H_
#define DARKROOM_HOST_INSTANCE_H_

#include <darkroom/plugin.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/task_threads.h"
#include "host/host_api.h"
#include "host/image_limits.h"
#include "host/lane_services.h"
#include "host/lane_thread.h"
#include "host/module.h"
#include "host/step_loop.h"

namespace darkroom::host {

class LaneInstance final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(std::shared_ptr<Module> module,
                                                  const InstanceSpec& spec,
                                                  const ImageLimits& limits,
                                                  std::shared_ptr<TaskThreads> codecs,
                                                  Events* events);
  ~LaneInstance() override;

  void Load(uint64_t memory) override;
  void Run(std::vector<HostJob> batch) override;
  void Pause() override;
  void Resume() override;
  void Cancel(uint64_t token) override;
  void Unload() override;
  void AnswerReserve(const Status& status) override { services_.AnswerReserve(status); }

 private:
  LaneInstance(std::shared_ptr<Module> module, ModelInfo info, const InstanceSpec& spec,
               const ImageLimits& limits, std::shared_ptr<TaskThreads> codecs, Events* events);

  void Post(LaneCommand::Kind kind, uint64_t memory = 0);
  void Post(LaneCommand command);
  // How many threads are worth asking to decode the batch.
  size_t HelpersFor(const std::vector<HostJob>& batch);
  void Decode(JobRun* run);  // on whatever thread has the job

  // On the lane:
  void CarryOut(LaneCommand& command);
  bool GoOn();  // with jobs in steps; whether there are any
  void LoadNow(uint64_t memory);
  void UnloadNow();
  void RunNow(LaneCommand& command);
  Status WhyNotRun(const LaneCommand& command) const;
  void RefuseAll(LaneCommand& command, const Status& why);
  // Whether the batch's jobs are taken and decoded; if it is told to, waits until they are.
  bool Prepare(LaneCommand* command, bool wait);
  void RunBatch(const std::vector<JobRun*>& runs);
  void RunAlone(JobRun* run, const Status& failed);
  Status Infer();
  void SetInferring(bool inferring);

  const std::shared_ptr<Module> module_;
  const std::string model_;
  const ImageLimits limits_;
  const std::shared_ptr<TaskThreads> codecs_;
  Events* const events_;
  dr_lane_t lane_{};
  LaneServices services_;
  dr_instance_t* instance_ = nullptr;  // the plugin's

  // Batches that the lane has yet to take as they came. While there are any, later ones come so
  // too: what is decoded ahead is in front, and the lane never waits for places that are behind.
  std::atomic<uint32_t> untaken_{0};

  // The lane's own:
  bool loaded_ = false;
  std::optional<StepLoop> steps_;  // of a step-wise plugin
  std::vector<const dr_job_t*> abi_jobs_;

  // The plugin's cancel() is called only while its infer() is: whoever calls holds the lock, and
  // infer's end waits for it.
  std::mutex infer_mutex_;
  bool inferring_ = false;        // guarded by infer_mutex_
  std::vector<JobRun*> running_;  // the lane's; guarded by infer_mutex_ while inferring_

  std::unique_ptr<LaneThread> thread_;  // last: it uses the others
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_INSTANCE_H_
