// SPDX-License-Identifier: Apache-2.0
//
// How durable jobs leave this host's hands: DurableJobs::Finish, Retry, Return and what they need
// (docs/durable-jobs.md).

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/coroutine.h"
#include "durable_jobs.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr auto kTick = milliseconds(100);
constexpr auto kFirstBackoff = milliseconds(1000);
constexpr auto kLongestBackoff = milliseconds(60'000);
constexpr int kKeepTries = 5;

// A stored reply on its way to whoever asked for it.
class Forwarded final : public Publication {
 public:
  Forwarded(std::string subject, Message message)
      : subject_(std::move(subject)), message_(std::move(message)) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t, Envelope* envelope) override {
    for (const auto& [name, value] : message_.Headers()) {
      // The server's own, about the stored message; the id stays, for streams that keep replies.
      const bool foreign =
          name.starts_with("Nats-") && !name.starts_with("Nats-Service-") && name != "Nats-Msg-Id";
      if (!foreign) envelope->Header(name.c_str(), value);
    }
    envelope->Body(Buffer::Copy(message_.data()));
  }

 private:
  const std::string subject_;
  const Message message_;
};

std::optional<JobState> StateOf(const Message& reply) {
  const auto name = reply.Header(kFinalState);
  for (const JobState state :
       {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled, JobState::kExpired}) {
    if (name == JobStateName(state)) return state;
  }
  return std::nullopt;
}

}  // namespace

awaitable<void> DurableJobs::Finish(HeldJob job, std::unique_ptr<Publication> reply) {
  JobRecord& record = job->record();
  const auto stored = co_await jetstream_.Store(std::move(reply));
  if (!stored.ok()) {
    // Perhaps it is stored; whoever is given the job next looks first.
    parts_.log.warn("{} {}: its final reply could not be stored: {}", record.id, record.model,
                    stored.status().ToString());
    // If it is not, this end never was: the server's absence is no attempt of the job's, and the
    // next end may be another. A reply that the server refuses is, or it would be made for ever.
    if (job->ran && stored.status().code() != Code::kFailedPrecondition) {
      record.attempts = job->attempts_before;
      record.history.resize(job->history_before);
    }
    record.error = Status::Ok();
    co_await Return(job, kSoon);
    co_return;
  }
  if (stored->outcome == Stored::Outcome::kStored && job->reply_to.empty()) {
    record.Move(TerminalState(record.error.code()));
    record.finished = system_clock::now();
    record.result = names_.Result(record.model, record.id);
    if (co_await Keep(job)) Acknowledge(job->delivery, "+ACK");
    Release(job);
    co_return;
  }
  // With what is stored, whoever stored it.
  if (!co_await Settle(job)) co_await Return(job, kSoon);
}

// Ends a job by the final reply that is stored for it. False: there is none.
awaitable<bool> DurableJobs::Settle(HeldJob job) {
  JobRecord& record = job->record();
  const std::string subject = names_.Result(record.model, record.id);
  auto reply = co_await jetstream_.Last(names_.results, subject);
  if (!reply.ok() || !reply->has_value()) co_return false;
  const auto state = StateOf(**reply);
  if (!state) co_return false;
  record.Move(*state);
  record.finished = system_clock::now();
  record.result = subject;
  if (*state == JobState::kSucceeded) {
    record.error = Status::Ok();
  } else if (record.error.ok()) {
    record.error = Status(Code::kInternal, "the stored reply says why");
  }
  if (co_await Keep(job)) {
    if (!job->reply_to.empty()) {
      parts_.publisher.Publish(std::make_unique<Forwarded>(job->reply_to, *std::move(*reply)));
    }
    Acknowledge(job->delivery, "+ACK");
  }
  Release(job);
  co_return true;
}

// Publishes the stored reply of a job that has ended where it is wanted besides. False: it cannot be
// read now.
awaitable<bool> DurableJobs::Answer(HeldJob job) {
  auto reply = co_await jetstream_.Last(names_.results, job->record().result);
  if (!reply.ok()) co_return false;
  if (reply->has_value()) {
    parts_.publisher.Publish(std::make_unique<Forwarded>(job->reply_to, **std::move(reply)));
  }
  co_return true;
}

awaitable<void> DurableJobs::Retry(HeldJob job) {
  JobRecord& record = job->record();
  record.Move(JobState::kQueued);
  const auto doublings = std::min<uint32_t>(record.attempts - 1, 16);
  const auto backoff = std::min<milliseconds>(kFirstBackoff * (1 << doublings), kLongestBackoff);
  // Those that failed together need not come again together.
  const milliseconds delay(
      std::uniform_int_distribution<int64_t>(backoff.count() / 2, backoff.count())(random_));
  parts_.log.warn("{} {}: {}; it is tried again in {} ms (attempt {} of {})", record.id,
                  record.model, record.history.back(), delay.count(), record.attempts + 1,
                  parts_.config.jobs.max_attempts);
  // If that cannot be written, the attempt is counted as a lost host's when it comes back.
  co_await Keep(job);
  Acknowledge(job->delivery,
              fmt::format(R"(-NAK {{"delay":{}}})", std::chrono::nanoseconds(delay).count()));
  Release(job);
}

awaitable<void> DurableJobs::Return(HeldJob job, milliseconds delay) {
  JobRecord& record = job->record();
  ++record.returned;
  record.Move(JobState::kQueued);
  co_await Keep(job);
  Acknowledge(job->delivery,
              delay.count() == 0
                  ? std::string("-NAK")
                  : fmt::format(R"(-NAK {{"delay":{}}})", std::chrono::nanoseconds(delay).count()));
  Release(job);
}

// Writes the record. False: it cannot be written now. A terminal state that another host has
// written is taken over.
awaitable<bool> DurableJobs::Keep(HeldJob job) {
  for (int tried = 0; tried < kKeepTries; ++tried) {
    const auto put = co_await states_.Put(job->entry);
    if (put.ok() && *put) co_return true;
    if (put.ok()) {
      auto kept = co_await states_.Get(job->record().id);
      if (!kept.ok()) continue;
      if (kept->has_value() && (*kept)->record.ended()) co_return true;
      job->entry.revision = kept->has_value() ? (*kept)->revision : 0;
      continue;
    }
    parts_.log.warn("{}: its state could not be written: {}", job->record().id,
                    put.status().ToString());
  }
  co_return false;
}

void DurableJobs::Acknowledge(const Delivery& delivery, std::string_view how) {
  parts_.publisher.Publish(std::make_unique<PlainPublication>(delivery.ack, how));
}

void DurableJobs::Release(const HeldJob& job) {
  held_.erase(job->record().id);
  if (job->model != nullptr) Refresh(*job->model);
  changes_.Notify();
}

// While a job is here the server is told so, or it would give the job to another host.
awaitable<void> DurableJobs::Beat() {
  while (!stopping_ || !held_.empty()) {
    co_await Sleep(parts_.config.jobs.ack_wait / 3);
    for (const auto& [id, job] : held_) Acknowledge(job->delivery, "+WPI");
  }
}

// That a job runs is written when it has done so for a moment: most are over by then, and their
// end says it all.
awaitable<void> DurableJobs::TellWhatRuns() {
  while (!running_.empty()) {
    co_await Sleep(kTick);
    std::vector<HeldJob> begun;
    for (const auto& [token, job] : running_) {
      const Job* running = parts_.flow.jobs().Find(token);
      if (running == nullptr || running->state != JobState::kRunning || job->telling) continue;
      if (job->record().state == JobState::kRunning) continue;
      begun.push_back(job);
    }
    for (const HeldJob& job : begun) {
      job->telling = true;
      JobRecord& record = job->record();
      record.Move(JobState::kRunning);
      record.started = system_clock::now();
      record.host = parts_.config.host_name;
      const auto put = co_await states_.Put(job->entry);
      if (!put.ok()) parts_.log.debug("{}: {}", record.id, put.status().ToString());
      job->telling = false;
    }
  }
  telling_ = false;
}

void DurableJobs::StopTaking() {
  stopping_ = true;
  for (const auto& feed : feeds_) {
    feed->puller->Want(0);
    intake_->Unsubscribe(feed->subscription);
  }
  // Or the server would answer what was asked before with what is given back now.
  if (const Status status = intake_->Confirm(); !status.ok()) {
    parts_.log.warn("durable jobs: {}", status.ToString());
  }
  parts_.flow.HandBack(this);
}

awaitable<void> DurableJobs::Settled() {
  const auto none = [this] { return held_.empty(); };
  co_await changes_.Until(none);
}

}  // namespace darkroom
