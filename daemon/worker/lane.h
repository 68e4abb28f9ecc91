// SPDX-License-Identifier: Apache-2.0
//
// Lane is the daemon's end of one lane of a device: it holds the slots of the models that are
// served there, asks the scheduler for batches and gives them to a slot, two deep, so that the next
// is at hand when one ends. It runs the batches of one slot at a time. A slot that runs jobs in
// steps is given more to those that run, and is paused while another has the lane.
//
// While a plugin is upgraded a model has two slots here: the one that serves and the one that will,
// or that did.
//
// For the io_context's thread.

#ifndef DARKROOM_WORKER_LANE_H_
#define DARKROOM_WORKER_LANE_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "device/device_pool.h"
#include "host/host_api.h"
#include "queue/job_table.h"
#include "queue/model.h"
#include "scheduler/scheduler.h"
#include "worker/busy_meter.h"
#include "worker/hosting.h"
#include "worker/slot.h"

namespace darkroom {

// Who hears what comes of jobs.
class LaneObserver {
 public:
  virtual ~LaneObserver() = default;
  // The host, or the lane itself for a job that must not run any more, has done with a job.
  virtual void OnJobDone(uint64_t token, host::JobResult result, const Device* device) = 0;
  virtual void OnJobProgress(uint64_t token, double fraction, std::string_view stage) = 0;
  // How a job that runs comes along: a small JPEG.
  virtual void OnJobPreview(uint64_t token, Buffer jpeg) = 0;
  // Where a job is that runs: what it goes on from if what runs it is lost.
  virtual void OnJobSaved(uint64_t token, SavedState state) = 0;
  // What ran the job is gone. `to_blame`: the job may be why.
  virtual void OnJobLost(uint64_t token, bool to_blame, const Status& why,
                         const Device* device) = 0;
  virtual void OnModelChanged(Model& model) = 0;  // a slot of its
  // A slot that serves it could not be loaded.
  virtual void OnLoadFailed(Model& model, const Status& why) = 0;
  virtual void OnBatchDone() = 0;  // somewhere
};

class Lane : public LaneClient, private SlotOwner {
 public:
  // All of these must outlive the lane.
  struct Parts {
    boost::asio::io_context& io;
    Scheduler& scheduler;
    DevicePool& pool;
    JobTable& jobs;
    LaneObserver& observer;
    Logger& log;
  };

  Lane(const Parts& parts, const Device& device, uint32_t index);
  ~Lane() override;

  // Makes a slot for the model, which does not serve yet. `home`: where it is first to be loaded.
  Slot* AddSlot(std::shared_ptr<Model> model, std::shared_ptr<const ModelContract> contract,
                Hosting& hosting, bool home = true);

  // Has the slot loaded whether or not jobs wait, if it is not. An error says that there can be no
  // room for it.
  Status Load(Slot* slot);

  // From here on the slot runs the model's batches; one that did so before does no more.
  void Serve(Slot* slot);
  void StopServing(Slot* slot);

  // Destroys a slot that does not serve, later, when its last batch has come back. `gone` is told.
  void Remove(Slot* slot, std::function<void()> gone);

  Slot* Find(const Model* model) const;  // the one that serves, or nullptr

  void Wake() override;

  // Whether the lane's device can be used: models are served, or not any more.
  void OnHealthChanged();

  // A slot's place in a listing.
  struct SlotView {
    const Slot* slot;
    bool serves;
    bool home;
  };
  std::vector<SlotView> Slots() const;
  Residency::View LookAt(const Slot* slot);

  const Device& device() const { return device_; }
  uint32_t index() const { return index_; }
  bool running() const;
  double BusyPart(Scheduler::Time now) const { return busy_.Part(now); }  // of the time, of late

 private:
  // A slot as the device's memory sees it.
  class Seat final : public Place {
   public:
    Seat(Lane* lane, Slot* slot) : lane_(lane), slot_(slot) {}
    bool IsCold() const override { return slot_->asleep(); }
    void Load() override { lane_->LoadLeased(slot_); }
    void Leave() override { lane_->LetGo(slot_); }

   private:
    Lane* lane_;
    Slot* slot_;
  };
  struct Entry {
    std::unique_ptr<Slot> slot;
    std::unique_ptr<Seat> seat;
    bool home = false;
    bool serves = false;
    bool leaving = false;        // takes no more batches, and is unloaded after its last one
    bool paused = false;         // what it runs in steps
    std::function<void()> gone;  // set: to be destroyed when it is idle
  };

  void Ask();
  // A batch that does not run in steps is out.
  bool batch_runs() const { return current_ != nullptr && current_->outstanding() > 0; }
  std::vector<Entry*> Stepping();
  Scheduler::StepRun Describe(const Entry& entry) const;
  void AskAt(Scheduler::Time time);
  void DropForeignState(const Slot& slot, Job* job);
  void Run(Slot* slot, const std::vector<Job*>& batch);
  Entry& EntryOf(const Slot* slot);
  void LetGo(Slot* slot);
  void LoadLeased(Slot* slot);
  void NoteNeed(Slot& slot);  // what it has turned out to need
  bool RetryWithMoreMemory(Slot& slot, uint64_t token, const Status& why);
  void UnloadIfDone(Entry& entry);
  void HasLane(JobClass job_class, Scheduler::Time now);  // from now on
  static void NoteWhatIsWaitedFor(const Slot& slot);
  void TellResidency(const Slot& slot);
  void Update(Slot& slot);  // tells the others what has become of it
  void Tidy();

  void OnSlotChanged(Slot& slot) override;
  void OnSlotJobDone(Slot& slot, uint64_t token, host::JobResult result) override;
  void OnSlotProgress(uint64_t token, double fraction, std::string_view stage) override;
  void OnSlotPreview(uint64_t token, Buffer jpeg) override;
  void OnSlotSaved(Slot& slot, uint64_t token, SavedState state) override;
  void OnSlotBatchDone(Slot& slot) override;
  void OnSlotPaused(Slot& slot) override;
  void OnSlotReserve(Slot& slot, uint64_t bytes) override;
  void OnSlotDeviceLost(Slot& slot, const Status& why, bool for_good) override;
  void OnSlotJobLost(Slot& slot, uint64_t token, bool to_blame, const Status& why) override;

  Parts parts_;
  const Device& device_;
  uint32_t index_;
  std::vector<Entry> slots_;
  Slot* current_ = nullptr;         // whose batches are out, if any are that do not run in steps
  const Slot* pausing_ = nullptr;   // was told to, and has not answered
  Job::Clock::time_point since_{};  // `current_` has run its present batch
  BusyMeter busy_;
  bool asked_ = false;  // an Ask is in the io_context's line
  boost::asio::steady_timer again_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_LANE_H_
