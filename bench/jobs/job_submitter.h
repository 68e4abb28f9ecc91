// SPDX-License-Identifier: Apache-2.0
//
// A JobSubmitter publishes durable jobs and hears what becomes of them: that the server has each
// one (its acknowledgement of the publish), and that it has ended. A job has ended when its final
// reply is heard; or, of a worker that replies nothing, when the server is told that the job is
// done, which anybody can hear too. Only a job of which both was heard counts, in the Meter that it
// is given, with the time from before it was published until its end.
//
// Each job has an id of its own, and a reply must have the bytes of its job: one that is missing,
// wrong, another's or comes twice is an error.
//
// One thread owns it and calls Open, then Submit, then Finish; `on_end` may call Submit too, on one
// of NATS.c's delivery threads. The Meter outlives it.

#ifndef DARKROOM_BENCH_JOBS_JOB_SUBMITTER_H_
#define DARKROOM_BENCH_JOBS_JOB_SUBMITTER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/status.h"
#include "echo/meter.h"
#include "echo/nats_client.h"

namespace darkroom {

struct JobPlan {
  std::string url;
  std::string subject;  // jobs are published here
  std::string replies;  // final replies come on this and the job's id; ends with a dot
  std::string stream;   // instead: jobs are kept here, and end when they are acknowledged
  std::size_t size = 1024;
};

class JobSubmitter {
 public:
  // `on_end` is called once for each job that counts, from Start on.
  JobSubmitter(JobPlan plan, Meter* meter, std::function<void()> on_end);
  ~JobSubmitter();
  JobSubmitter(const JobSubmitter&) = delete;
  JobSubmitter& operator=(const JobSubmitter&) = delete;

  // Connects, and waits until one job has ended well, submitting it again where nobody keeps it.
  Status Open(std::chrono::milliseconds patience);
  // A failure is an error in the Meter.
  void Submit();
  // Waits for all that were submitted. What has not ended after `patience` is an error each.
  void Finish(std::chrono::milliseconds patience);

 private:
  // A job on its way.
  struct Job {
    BenchClock::time_point sent;
    BenchClock::time_point ended;
    bool accepted = false;
    bool has_ended = false;
  };
  // One subscription, with a delivery thread of its own.
  struct Ear {
    JobSubmitter* self = nullptr;
    void (JobSubmitter::*hear)(natsMsg*) = nullptr;
    NatsSubscription subscription;
    bool over = false;  // guarded by mutex_
  };

  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* ear);
  static void OnDeliveryEnded(void* ear);
  static void OnError(natsConnection*, natsSubscription*, natsStatus status, void* self);

  Status Connect();
  Status Probe(std::chrono::milliseconds patience);
  Status Listen(Ear* ear, const std::string& subject, void (JobSubmitter::*hear)(natsMsg*));
  NatsMessage MakeJob(uint64_t number) const;
  ReplyError Check(natsMsg* reply, uint64_t number, std::string* detail) const;

  void HearAcceptance(natsMsg* message);
  void HearReply(natsMsg* message);
  void HearAcknowledgement(natsMsg* message);

  void Accepted(uint64_t number, uint64_t sequence);
  void Ended(uint64_t number, BenchClock::time_point when);
  void Refused(uint64_t number, ReplyError error, const std::string& detail);
  // With mutex_ held, which it lets go.
  void CountIfDone(uint64_t number, std::unique_lock<std::mutex> lock);

  const JobPlan plan_;
  Meter* const meter_;
  const std::function<void()> on_end_;
  std::string bytes_;  // of a job; each begins with its number
  std::string inbox_;
  std::string run_;  // what the ids of this run's jobs begin with
  NatsConnection connection_;
  Ear acceptances_;
  Ear ends_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<uint64_t, Job> open_;  // by number; guarded by mutex_, as are all below
  uint64_t submitted_ = 0;
  bool counts_ = false;  // the probe is over
  std::string refused_;  // why the probe was, if it was
  // Where jobs end by acknowledgement: those that the server has, by their sequence in the stream;
  // and what ended before the server's word that it has it came.
  std::unordered_map<uint64_t, uint64_t> numbers_;
  std::unordered_map<uint64_t, BenchClock::time_point> early_;
};

}  // namespace darkroom

#endif  // DARKROOM_BENCH_JOBS_JOB_SUBMITTER_H_
