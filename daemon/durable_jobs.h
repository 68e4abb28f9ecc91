// SPDX-License-Identifier: Apache-2.0
//
// DurableJobs runs the jobs that are kept in JetStream: it pulls what this host can soon run, has
// it run as any job, stores the final reply, and only then lets the server forget the job. Whatever
// dies in between, the job is delivered again, here or elsewhere, and what is stored already is not
// run again. docs/durable-jobs.md tells the order of the steps and what each loss costs.
//
// For the io_context's thread.

#ifndef DARKROOM_DURABLE_JOBS_H_
#define DARKROOM_DURABLE_JOBS_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "core/changes.h"
#include "core/log.h"
#include "durable/delivery.h"
#include "durable/jetstream.h"
#include "durable/kept_states.h"
#include "durable/names.h"
#include "durable/puller.h"
#include "durable/states.h"
#include "durable/streams.h"
#include "durable/waiting_jobs.h"
#include "job_flow.h"
#include "message/intake.h"
#include "message/publisher.h"
#include "message/requester.h"
#include "queue/admission.h"

namespace darkroom {

class DurableJobs : private ConnectionEvents, private JobSink {
 public:
  // All outlive this. `endpoint_of` is the endpoint of a model's own subject, or nullptr.
  struct Parts {
    boost::asio::io_context& io;
    const Config& config;
    JobFlow& flow;
    ObjectStore& objects;
    Publisher& publisher;
    JobMetrics& metrics;
    Logger& log;
    std::function<const Endpoint*(const std::string& model)> endpoint_of;
    // What the model's workers said last.
    std::function<std::vector<std::string>(const Model& model)> log_of;
  };

  explicit DurableJobs(const Parts& parts);
  ~DurableJobs() override;

  Status Open(const ServerLink& link);  // starts to connect

  // From here on jobs for the model are run. Again: something of it has changed.
  void Serve(const std::shared_ptr<Model>& model);
  // From here on no more jobs are taken for the model; what is here already goes on.
  void Leave(const std::shared_ptr<Model>& model);
  // Asks for as many jobs as the model has room for.
  void Refresh(const Model& model);

  // Cancels a job, wherever it is, and returns the state that it ended in, which may be another.
  // kNotFound: no host has ever heard of it.
  boost::asio::awaitable<Result<JobState>> Cancel(std::string id);

  // Takes no more, and gives back at once what waits here.
  void StopTaking();
  // Returns when no job is in this host's hands. After StopTaking.
  boost::asio::awaitable<void> Settled();

 private:
  // A job in this host's hands.
  struct Held {
    States::Entry entry;
    Delivery delivery;
    Message request;  // unless it runs
    std::string reply_to;
    std::shared_ptr<const Model> model;
    bool telling = false;                          // that it runs is being written
    std::chrono::steady_clock::time_point told{};  // its progress, last
    bool ran = false;                              // here
    bool may_have_state = false;                   // that is kept
    std::shared_ptr<const SavedState> state;       // where it goes on, until it runs
    // The record's, before it ran here: what counts if nobody hears how that ended.
    uint32_t attempts_before = 0;
    size_t history_before = 0;
    TraceContext trace;               // once it ran here
    std::shared_ptr<JobSpans> spans;  // likewise, if it is recorded

    JobRecord& record() { return entry.record; }
  };
  // Where a model's jobs of one class come from.
  struct Feed {
    std::shared_ptr<Model> model;
    std::string job_class;
    std::unique_ptr<Puller> puller;
    uint32_t subscription = 0;
    bool leaving = false;
  };
  using HeldJob = std::shared_ptr<Held>;

  boost::asio::awaitable<void> Begin();
  boost::asio::awaitable<void> AddFeeds(std::shared_ptr<Model> model);
  void Drop(Feed* feed);

  // A delivery's way: taken, then run, or settled without.
  boost::asio::awaitable<void> Take(Feed* feed, Message message);
  boost::asio::awaitable<bool> Recall(HeldJob job);
  boost::asio::awaitable<bool> Fetch(HeldJob job);
  boost::asio::awaitable<void> FindState(HeldJob job);
  void Run(const HeldJob& job);

  void OnJobEnded(Job& job, Receipt receipt, host::JobResult result) override;
  void OnJobSaved(const Job& job) override;
  void OnJobGivenUp(const Job& job) override;

  // The job's final reply when it is no success. Sets the record's error.
  std::unique_ptr<Publication> Failure(const HeldJob& job, Receipt receipt, const Status& why);

  // The ways out of this host's hands (durable_outcomes.cc).
  boost::asio::awaitable<void> Finish(HeldJob job, std::unique_ptr<Publication> reply);
  boost::asio::awaitable<void> Retry(HeldJob job);
  boost::asio::awaitable<void> Return(HeldJob job, std::chrono::milliseconds delay);
  boost::asio::awaitable<Result<std::optional<Message>>> FinalReply(const HeldJob& job);
  boost::asio::awaitable<bool> Settle(HeldJob job);
  boost::asio::awaitable<bool> Answer(HeldJob job);
  boost::asio::awaitable<bool> Forward(HeldJob job, Message reply);
  boost::asio::awaitable<void> Conclude(HeldJob job, JobState state, std::optional<Message> reply);
  boost::asio::awaitable<bool> Bury(HeldJob job);
  void KeepRequest(const HeldJob& job);
  void DropState(const HeldJob& job);
  static StateOwner OwnerOf(Held& job);
  PlainPublication::Headers FinalHeaders(const JobRecord& record, JobState state) const;
  boost::asio::awaitable<bool> Keep(HeldJob job);
  void Acknowledge(const Delivery& delivery, std::string_view how);
  void Release(const HeldJob& job);

  boost::asio::awaitable<void> Beat();
  boost::asio::awaitable<void> TellWhatRuns();
  bool HasNews(const Held& job, const Job& running) const;

  void OnConnected() override;
  void OnDisconnected() override {}

  // A subscription's number, and its place among the handlers.
  static constexpr uint32_t kAnnouncements = 1;

  // A job that the server or we could not deal with now comes again then.
  static constexpr std::chrono::milliseconds kSoon{1000};

  const Parts parts_;
  const DurableNames names_;
  Requester requester_;
  JetStream jetstream_;
  Streams streams_;
  States states_;
  KeptStates kept_states_;
  WaitingJobs waiting_;
  Changes changes_;
  std::unique_ptr<Intake> intake_;
  std::deque<std::function<void(Message)>> handlers_;  // by the subscription's number
  std::vector<std::unique_ptr<Feed>> feeds_;
  std::map<std::string, std::shared_ptr<Model>> waiting_models_;  // for the streams to be there
  std::unordered_map<std::string, HeldJob> held_;                 // by id
  std::unordered_map<uint64_t, HeldJob> running_;                 // by the job's token
  std::set<std::shared_ptr<Model>> left_;  // while their feeds are being made
  bool begun_ = false;
  bool ready_ = false;  // the streams are there
  bool stopping_ = false;
  bool telling_ = false;  // TellWhatRuns is at work
  std::mt19937 random_{std::random_device{}()};
};

// The header of a final reply that says how its job ended, with a state's name.
inline constexpr const char* kFinalState = "Darkroom-State";
std::optional<JobState> FinalStateOf(const Message& reply);

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_JOBS_H_
