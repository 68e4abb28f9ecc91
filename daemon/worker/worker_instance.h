// SPDX-License-Identifier: Apache-2.0
//
// WorkerInstance is an instance inside its worker process: what the daemon tells of it comes in
// here, and what the host reports of it goes out. It puts results into the arena.
//
// The functions are the control thread's, save those of Events, which are the instance's lane's
// (OnFinished, OnLog and OnProgress: any thread), and of OutputMemory, which are of the thread that
// has the job. What a job needs meanwhile is kept in a
// table under a lock.

#ifndef DARKROOM_WORKER_WORKER_INSTANCE_H_
#define DARKROOM_WORKER_WORKER_INSTANCE_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/host_api.h"
#include "worker/arena.h"
#include "worker/job_block.h"
#include "worker/log_limit.h"
#include "worker/result_record.h"
#include "worker/worker_socket.h"

namespace darkroom {

class WorkerInstance final : public host::Events {
 public:
  WorkerInstance(uint32_t number, std::string model, WorkerSocket* socket,
                 const SharedMemory* memory);
  ~WorkerInstance() override;

  // Makes the instance and tells the daemon.
  void Create(host::Plugin* plugin, const host::InstanceSpec& spec);

  // A record of the daemon's about it. False: the daemon makes no sense.
  bool OnRecord(RecordKind kind, RecordReader* body);

  void OnCreated(Status status) override;
  void OnLost(Status why, std::vector<uint64_t> suspects) override;
  void OnLoaded(Status status, double load_ms) override;
  void OnFinished(uint64_t token, host::JobResult result) override;
  void OnBatchDone() override;
  void OnPaused() override;
  void OnUnloaded() override;
  void OnReserve(uint64_t bytes) override;
  void OnProgress(uint64_t token, double fraction, std::string_view stage) override;
  void OnPreview(uint64_t token, Buffer jpeg) override;
  void OnSaved(uint64_t token, SavedState state) override;
  void OnLog(host::LogLevel level, std::string_view message) override;
  void OnMetrics(std::vector<host::MetricValue> values) override;

 private:
  // A job's outputs in the arena: its own room first, then what the daemon grants.
  class Job final : public host::OutputMemory {
   public:
    Job(WorkerInstance* owner, uint64_t token, JobControl* control, std::byte* room,
        uint64_t room_size)
        : owner_(owner), token_(token), control_(control), room_(room), room_size_(room_size) {}
    std::byte* Allocate(uint64_t size) override;
    JobControl* control() const { return control_; }

   private:
    WorkerInstance* const owner_;
    const uint64_t token_;
    JobControl* const control_;
    std::byte* room_;
    uint64_t room_size_;
  };

  bool Run(RecordReader* body);
  // Asks the daemon, and waits for its answer.
  std::byte* AskForRoom(uint64_t token, uint64_t size);
  Job* Find(uint64_t token);
  // Puts the bytes into the arena unless they lie there.
  std::optional<OutputPlace> Place(Job* job, Bytes bytes);

  const uint32_t number_;
  const std::string model_;
  WorkerSocket* const socket_;
  const SharedMemory* const memory_;
  LogLimit log_limit_;

  std::mutex mutex_;
  std::condition_variable granted_;
  std::unordered_map<uint64_t, std::unique_ptr<Job>> jobs_;  // guarded by mutex_
  std::unordered_map<uint64_t, Arena::Block> grants_;        // of jobs; guarded by mutex_
  uint32_t batches_ = 0;                                     // on the lane; guarded by mutex_

  std::unique_ptr<host::Instance> instance_;  // last: its lane uses the others until it is gone
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_WORKER_INSTANCE_H_
