// SPDX-License-Identifier: Apache-2.0
//
// RemoteInstance is an instance in a worker process: it lays jobs out in the arena, tells the
// worker where, and makes results of what comes back. Results keep their block of the arena until
// the reply has been sent, so that a payload is copied once, on its way in.
//
// For the io_context's thread; events are called there, never from inside a call to this.

#ifndef DARKROOM_WORKER_REMOTE_INSTANCE_H_
#define DARKROOM_WORKER_REMOTE_INSTANCE_H_

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "host/host_api.h"
#include "worker/job_block.h"
#include "worker/result_record.h"
#include "worker/worker.h"

namespace darkroom {

class RemoteInstance final : public host::Instance, private WorkerUser {
 public:
  RemoteInstance(std::shared_ptr<Worker> worker, uint32_t plugin, const host::InstanceSpec& spec,
                 host::Events* events);
  ~RemoteInstance() override;

  void Load(uint64_t memory) override;
  void Run(std::vector<host::HostJob> batch) override;
  void Cancel(uint64_t token) override;
  void Pause() override;
  void Resume() override;
  void Unload() override;
  void AnswerReserve(const Status& status) override;

 private:
  // A job that the worker has.
  struct Running {
    std::vector<std::shared_ptr<ArenaBlock>> blocks;  // the job's own, then those it asked for
    uint32_t progress_version = 0;
    uint64_t deadline_ns = 0;
    bool told = false;  // its end was, before the worker came to it

    JobControl* control() const { return ControlOf(blocks.front()->data()); }
  };

  void Tell(RecordKind kind);
  void RefuseForRoom(std::vector<uint64_t> tokens, bool whole_batch);
  void EndUnbegun(uint64_t token, Running* running);
  bool OnRecord(RecordKind kind, RecordReader* body) override;
  void OnWorkerLost(const Status& why) override;
  bool RunsOn(uint32_t thread) const override;
  // The plugin's own code is about to run for this instance alone, and gets so long.
  void SetLimit(std::chrono::milliseconds allowed, const char* what);
  bool OnFinished(RecordReader* body);
  bool OnAskRoom(RecordReader* body);
  bool OnPreview(RecordReader* body);
  bool OnSaved(RecordReader* body);
  static bool Attach(const Running& running, const OutputPlace& place, Buffer* bytes);

  void WatchProgress();
  void TellProgress(uint64_t token, Running* running);

  const std::shared_ptr<Worker> worker_;
  host::Events* const events_;
  const uint32_t number_;
  std::unordered_map<uint64_t, Running> running_;
  uint64_t room_;  // what recent outputs took, so that most jobs need not ask
  boost::asio::steady_timer limit_;
  boost::asio::steady_timer progress_tick_;
  bool watching_ = false;
  bool creating_ = true;
  bool loading_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_REMOTE_INSTANCE_H_
