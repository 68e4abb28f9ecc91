// SPDX-License-Identifier: Apache-2.0
//
// JobFlow is the way that jobs take: it makes jobs of messages (admission), lets lanes run them
// (scheduler) and sends each its one answer (replier). docs/life-of-a-job.md follows one.
//
// For the io_context's thread.

#ifndef DARKROOM_JOB_FLOW_H_
#define DARKROOM_JOB_FLOW_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/config.h"
#include "control/job_metrics.h"
#include "core/changes.h"
#include "core/event.h"
#include "core/log.h"
#include "message/message.h"
#include "message/object_store.h"
#include "queue/admission.h"
#include "queue/job_table.h"
#include "queue/model.h"
#include "reply/replier.h"
#include "reply/tracer.h"
#include "scheduler/scheduler.h"
#include "worker/lane.h"

namespace darkroom {

// Who has jobs run whose end is not told by a reply to whoever sent the message.
class JobSink {
 public:
  virtual ~JobSink() = default;
  // The job is over, as job.state says. The message that it was made of is the sink's to take,
  // unless job.stuck; the rest goes when this returns.
  virtual void OnJobEnded(Job& job, Receipt receipt, host::JobResult result) = 0;
  // Where the job is, job.saved, has changed.
  virtual void OnJobSaved(const Job& job) = 0;
  // The daemon stops before the job is done; it goes on elsewhere.
  virtual void OnJobGivenUp(const Job& job) = 0;
};

class JobFlow : public LaneObserver {
 public:
  // `replier` and `pool` must outlive this; `on_model_changed` hears of each change of a model's
  // slots, `on_batch_done` of each batch that has come back.
  JobFlow(boost::asio::io_context& io, const Config& config, Replier& replier, DevicePool& pool,
          JobMetrics& metrics, Tracer& tracer, Logger& log,
          std::function<void(Model&)> on_model_changed, std::function<void()> on_batch_done);

  // From here on requests may refer to objects, and results larger than `inline_bytes` become some.
  // `objects` outlives this. Before the first request.
  void UseObjects(ObjectStore* objects, uint64_t inline_bytes);

  // What receipts say of a model. Once before its first request, and when a digest is known.
  void Describe(const std::shared_ptr<Model>& model);
  // The model is about to be served otherwise: what runs of it keeps the receipt that it has.
  void KeepReceipts(const Model& model);

  // From here on these hold.
  void SetLimits(const LimitsConfig& limits, const SchedulingConfig& scheduling);

  void OnRequest(const Endpoint& endpoint, Message message);

  // Accepts a job whose end `sink` is told of; or nullptr, and `refusal` says why.
  Job* Submit(const Endpoint& endpoint, Message message, const JobTerms& terms, JobSink* sink,
              Refusal* refusal);
  // Gives the sink those of its jobs back that wait.
  void HandBack(JobSink* sink);

  const Job* FindById(std::string_view id) const;
  // Cancels a job that is here. `ended`, unless empty, is told the state that it ended in, perhaps
  // at once.
  void Cancel(uint64_t token, std::function<void(JobState)> ended);

  // Returns when none of the endpoint's requests is on its way to become a job. After the last one
  // has come.
  boost::asio::awaitable<void> Left(const Endpoint& endpoint);

  // Accepts no more jobs, and returns when the last one has been answered.
  boost::asio::awaitable<void> Drain();

  // Answers every job that is left with `busy`, and asks those that run to stop.
  void GiveUp();

  // Answers the jobs that wait for the model with this.
  void FailQueued(Model& model, const Status& why);
  // The model's contract has changed: what waits must suit the new one, or is answered with why.
  void Recheck(Model& model);

  // Whether something in the daemon itself does not come to its end: it cannot be taken apart.
  bool stuck() const { return !stuck_.empty(); }

  JobTable& jobs() { return jobs_; }
  Scheduler& scheduler() { return scheduler_; }
  const Admission& admission() const { return admission_; }

 private:
  void OnJobDone(uint64_t token, host::JobResult result, const Device* device) override;
  void OnJobProgress(uint64_t token, double fraction, std::string_view stage) override;
  void OnJobPreview(uint64_t token, Buffer jpeg) override;
  void OnJobSaved(uint64_t token, SavedState state) override;
  void OnJobLost(uint64_t token, bool to_blame, const Status& why, const Device* device) override;
  void OnModelChanged(Model& model) override { on_model_changed_(model); }
  void OnLoadFailed(Model& model, const Status& why) override;
  void OnBatchDone() override { on_batch_done_(); }

  boost::asio::awaitable<void> WatchDeadlines();
  void ExpireWaiting();
  void StopLate();
  void AbandonStuck(Job* job, Status why);
  void TellCancellers(const Job& job);
  void EndWaiting(Job* job, Status status);
  void Accepted(Job* job);
  void Admit(const Endpoint& endpoint, Message message);
  void Refuse(const Endpoint& endpoint, Refusal refusal);
  boost::asio::awaitable<void> FetchAndAdmit(const Endpoint& endpoint, Message message);
  boost::asio::awaitable<void> StoreResult(uint64_t token, host::JobResult result,
                                           const Device* device);
  static void Count(const Job& job, const Status& status);
  Receipt MakeReceipt(const Job& job, const host::JobResult& result, const Device* device) const;

  boost::asio::io_context& io_;
  std::string host_name_;
  Replier& replier_;
  DevicePool& pool_;
  JobMetrics& metrics_;
  Tracer& tracer_;
  Logger& log_;
  std::chrono::milliseconds stop_grace_;
  const std::chrono::milliseconds save_every_;
  std::function<void(Model&)> on_model_changed_;
  std::function<void()> on_batch_done_;

  JobTable jobs_;
  Admission admission_;
  Scheduler scheduler_;
  struct Described {
    std::weak_ptr<const Model> model;  // forgotten with it
    std::shared_ptr<const ModelReceipt> receipt;
  };
  std::unordered_map<const Model*, Described> receipts_;
  std::unordered_map<uint64_t, std::shared_ptr<const ModelReceipt>> kept_;  // by job's token
  Event empty_;                                                             // drained
  ObjectStore* objects_ = nullptr;
  uint64_t inline_bytes_ = 0;
  Changes fetches_;
  std::multiset<const Endpoint*> fetching_;  // of requests whose objects are on their way
  bool watching_deadlines_ = false;
  bool told_of_states_ = false;  // that there is no room for them
  std::unordered_multimap<uint64_t, std::function<void(JobState)>> cancellers_;  // by job's token
  // Jobs that were answered while a plugin in the daemon still had them.
  std::unordered_map<uint64_t, std::unique_ptr<Job>> stuck_;
};

}  // namespace darkroom

#endif  // DARKROOM_JOB_FLOW_H_
