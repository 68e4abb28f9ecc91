// SPDX-License-Identifier: Apache-2.0
//
// Lane is the daemon's end of one lane of a device: it holds the instances of the models that are
// served there, asks the scheduler for batches and gives them to the host, two deep, so that the
// next is at hand when one ends. It runs the batches of one model at a time.
//
// For the io_context's thread. What the host reports from an instance's own thread is brought here
// by a mailbox.

#ifndef DARKROOM_WORKER_LANE_H_
#define DARKROOM_WORKER_LANE_H_

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "device/device.h"
#include "host/host_api.h"
#include "queue/job_table.h"
#include "queue/model.h"
#include "scheduler/scheduler.h"
#include "worker/event_relay.h"

namespace darkroom {

// Who hears what comes of jobs. Calls come on the io_context's thread.
class LaneObserver {
 public:
  virtual ~LaneObserver() = default;
  // The host, or the lane itself for a job that must not run any more, has done with a job.
  virtual void OnJobDone(uint64_t token, host::JobResult result, const Device* device) = 0;
  virtual void OnJobProgress(uint64_t token, double fraction, std::string_view stage) = 0;
  virtual void OnModelChanged(Model& model) = 0;  // its state
};

enum class InstanceState : uint8_t { kUnloaded, kLoading, kIdle, kRunning, kFailed };

std::string_view InstanceStateName(InstanceState state);

class Lane : public LaneClient {
 public:
  // All of these must outlive the lane.
  struct Parts {
    boost::asio::io_context& io;
    Scheduler& scheduler;
    JobTable& jobs;
    LaneObserver& observer;
    Logger& log;
  };

  Lane(const Parts& parts, const Device& device, uint32_t index);
  ~Lane() override;

  // Makes an instance of the model here. An error is the plugin's: the model cannot run as it is
  // configured.
  Status AddModel(std::shared_ptr<Model> model, host::Plugin& plugin);

  // Tells the scheduler which models this lane serves. After the last AddModel.
  void Open();

  // Starts to load the model's instance, if it is here and not loaded.
  void Load(const Model& model);

  void Wake() override;

  struct InstanceView {
    const Model* model;
    InstanceState state;
    uint64_t jobs_ended;
    std::chrono::steady_clock::time_point last_used;
  };
  std::vector<InstanceView> Instances() const;

  const Device& device() const { return device_; }
  uint32_t index() const { return index_; }
  bool running() const { return outstanding_ > 0; }

 private:
  struct Slot {
    std::shared_ptr<Model> model;
    std::unique_ptr<EventRelay> events;
    std::unique_ptr<host::Instance> instance;  // destroyed before events
    InstanceState state = InstanceState::kUnloaded;
    Status load_error;
    uint64_t jobs_ended = 0;
    std::chrono::steady_clock::time_point last_used{};
  };

  void Ask();
  void Run(Slot* slot, const std::vector<Job*>& batch);
  Slot* Find(const Model* model);
  void OnEvent(Slot* slot, HostEvent event);
  void OnLoaded(Slot* slot, const Status& status, double load_ms);

  Parts parts_;
  const Device& device_;
  uint32_t index_;
  std::vector<std::unique_ptr<Slot>> slots_;
  Slot* current_ = nullptr;   // whose batches are out
  uint32_t outstanding_ = 0;  // batches
  bool asked_ = false;        // an Ask is in the io_context's line
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_LANE_H_
