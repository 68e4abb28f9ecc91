// SPDX-License-Identifier: Apache-2.0
//
// LaneInstance is a model on a lane: the plugin's instance, the thread that it lives on and the
// services that it is given. It carries out Load, Run and Unload in order on its lane and reports
// by Events.
//
// Create, the functions of Instance and the destructor are for the control thread. The destructor
// waits until what was asked for is done and the instance is unloaded; set the jobs' cancel flags
// first to make that short.

#ifndef DARKROOM_HOST_INSTANCE_H_
#define DARKROOM_HOST_INSTANCE_H_

#include <darkroom/plugin.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/status.h"
#include "host/host_api.h"
#include "host/image_limits.h"
#include "host/lane_services.h"
#include "host/lane_thread.h"
#include "host/module.h"

namespace darkroom::host {

class LaneInstance final : public Instance {
 public:
  static Result<std::unique_ptr<Instance>> Create(std::shared_ptr<Module> module,
                                                  const InstanceSpec& spec,
                                                  const ImageLimits& limits, Events* events);
  ~LaneInstance() override;

  void Load() override;
  void Run(std::vector<HostJob> batch) override;
  void Cancel(uint64_t token) override;
  void Unload() override;

 private:
  LaneInstance(std::shared_ptr<Module> module, const InstanceSpec& spec, const ImageLimits& limits,
               Events* events);

  // On the lane:
  void CarryOut(LaneCommand& command);
  void LoadNow();
  void UnloadNow();
  void RunNow(LaneCommand& command);
  Status Infer();
  void SetInferring(bool inferring);

  const std::shared_ptr<Module> module_;
  const std::string model_;
  const ImageLimits limits_;
  Events* const events_;
  dr_lane_t lane_{};
  LaneServices services_;
  dr_instance_t* instance_ = nullptr;  // the plugin's

  // The lane's own:
  bool loaded_ = false;
  uint64_t load_end_ns_ = 0;
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
