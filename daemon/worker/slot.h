// SPDX-License-Identifier: Apache-2.0
//
// Slot is one model's place at a lane: the instance that runs its batches there, made again
// whenever the place it lives in is lost. It knows what is out, so that what was not answered comes
// back.
//
// For the io_context's thread. Its owner is called from events, never from inside a call to it, and
// destroys it only outside of events.

#ifndef DARKROOM_WORKER_SLOT_H_
#define DARKROOM_WORKER_SLOT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "host/host_api.h"
#include "queue/job.h"
#include "queue/model.h"
#include "worker/hosting.h"
#include "worker/plugin_metrics.h"

namespace darkroom {

enum class SlotState : uint8_t {
  kAbsent,    // there is no instance: its plugin is not open
  kCreating,  // it is being made
  kRefused,   // the plugin does not make one of this configuration
  kUnloaded,
  kLoading,
  kIdle,
  kRunning,
  kFailed,  // it could not be loaded; the next job tries again
};

std::string_view SlotStateName(SlotState state);

class Slot;

// The lane that a slot is at.
class SlotOwner {
 public:
  virtual ~SlotOwner() = default;
  virtual void OnSlotChanged(Slot& slot) = 0;  // its state; perhaps it takes batches now
  virtual void OnSlotJobDone(Slot& slot, uint64_t token, host::JobResult result) = 0;
  virtual void OnSlotProgress(uint64_t token, double fraction, std::string_view stage) = 0;
  virtual void OnSlotPreview(uint64_t token, Buffer jpeg) = 0;
  virtual void OnSlotSaved(Slot& slot, uint64_t token, SavedState state) = 0;
  virtual void OnSlotBatchDone(Slot& slot) = 0;
  virtual void OnSlotPaused(Slot& slot) = 0;
  // Answered by AnswerReserve.
  virtual void OnSlotReserve(Slot& slot, uint64_t bytes) = 0;
  // What runs there says that its device is lost. `for_good`: it runs in the daemon, and stays.
  virtual void OnSlotDeviceLost(Slot& slot, const Status& why, bool for_good) = 0;
  // A job that was out will not be answered. `to_blame`: it may be why.
  virtual void OnSlotJobLost(Slot& slot, uint64_t token, bool to_blame, const Status& why) = 0;
};

class Slot final : public JobRunner, private host::Events, private HostingUser {
 public:
  // `contract` is what this slot's generation promises. All must outlive it.
  Slot(SlotOwner& owner, std::shared_ptr<Model> model,
       std::shared_ptr<const ModelContract> contract, const Device& device, Hosting& hosting);
  ~Slot() override;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Begins: makes the instance as soon as the plugin is open. Once.
  void Join() { hosting_.Join(this); }

  // Its plugin is opened when it is to be loaded.
  bool asleep() const { return hosting_.asleep(); }
  // Id and version of its plugin.
  std::string plugin() const { return contract_->info.id + " " + contract_->info.version; }
  // Whether there is an instance, loaded or not, that a batch can be given to.
  bool available() const { return state_ >= SlotState::kUnloaded; }
  bool loaded() const { return state_ == SlotState::kIdle || state_ == SlotState::kRunning; }
  // Its plugin runs jobs in steps.
  bool stepwise() const { return contract_->info.stepwise; }
  uint32_t outstanding() const { return outstanding_; }  // batches that the lane has
  // Whether jobs are still to be answered, perhaps behind the lane.
  bool busy() const { return outstanding_ > 0 || !out_.empty(); }
  const std::vector<uint64_t>& out() const { return out_; }  // tokens of those

  // If it is not loaded; with a lease for so many bytes of the device, or kNoMemoryLimit. Where
  // there is no instance yet, it is loaded as soon as there is.
  void Load(uint64_t memory);
  void Unload();  // with nothing outstanding
  void Run(const std::vector<Job*>& batch, std::vector<host::HostJob> jobs);
  // Where it runs jobs in steps. Pause is answered by OnSlotPaused.
  void Pause() { instance_->Pause(); }
  void Resume() { instance_->Resume(); }
  void AnswerReserve(const Status& status) { instance_->AnswerReserve(status); }

  // Runs one job that nobody waits for, where it is loaded, and tells how it went. One at a time;
  // its inputs must stay until then.
  void Rehearse(host::HostJob job, std::function<void(const Status&)> done);

  void Cancel(const Job& job) override;
  bool Stop(const Job& job, const Status& why) override;

  SlotState state() const { return state_; }
  const Status& error() const { return error_; }  // of the last load, or why there is none
  double load_ms() const { return load_ms_; }
  Model& model() const { return *model_; }
  const std::shared_ptr<Model>& shared_model() const { return model_; }
  const std::shared_ptr<const ModelContract>& contract() const { return contract_; }
  const Device& device() const { return device_; }
  // That its instance is made by.
  const ModelConfig& config() const {
    return contract_->config == nullptr ? model_->config : *contract_->config;
  }
  Hosting& hosting() const { return hosting_; }
  uint64_t jobs_ended() const { return jobs_ended_; }
  std::chrono::steady_clock::time_point last_used() const { return last_used_; }
  const PluginMetrics& metrics() const { return metrics_; }

 private:
  void OnHosted() override;
  void OnNotHosted(const Status& why) override;
  bool IsIdle() const override;

  void OnCreated(Status status) override;
  void OnLost(Status why, std::vector<uint64_t> suspects) override;
  void OnLoaded(Status status, double load_ms) override;
  void OnFinished(uint64_t token, host::JobResult result) override;
  void OnBatchDone() override;
  void OnPaused() override { owner_.OnSlotPaused(*this); }
  void OnUnloaded() override;
  void OnReserve(uint64_t bytes) override { owner_.OnSlotReserve(*this, bytes); }
  void OnProgress(uint64_t token, double fraction, std::string_view stage) override;
  void OnPreview(uint64_t token, Buffer jpeg) override {
    owner_.OnSlotPreview(token, std::move(jpeg));
  }
  void OnSaved(uint64_t token, SavedState state) override;
  void OnLog(host::LogLevel, std::string_view) override {}  // written where it arises
  void OnMetrics(std::vector<host::MetricValue> values) override {
    metrics_.Take(std::move(values));
  }

  void SetState(SlotState state);
  bool EndIfLost(const Status& status);

  SlotOwner& owner_;
  const std::shared_ptr<Model> model_;
  const std::shared_ptr<const ModelContract> contract_;
  const Device& device_;
  Hosting& hosting_;
  SlotState state_ = SlotState::kAbsent;
  Status error_;
  double load_ms_ = 0;
  uint32_t outstanding_ = 0;
  std::vector<uint64_t> out_;        // tokens of jobs given and not answered
  std::optional<uint64_t> accused_;  // whose result said that all is lost
  std::optional<uint64_t> to_load_;  // with so much memory, when there is an instance
  uint64_t jobs_ended_ = 0;
  std::chrono::steady_clock::time_point last_used_{};
  PluginMetrics metrics_;
  std::function<void(const Status&)> rehearsal_;
  std::unique_ptr<host::Instance> instance_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_SLOT_H_
