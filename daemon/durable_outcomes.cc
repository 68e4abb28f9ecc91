// SPDX-License-Identifier: Apache-2.0
//
// How durable jobs leave this host's hands: DurableJobs::Finish, Retry, Return and what they need
// (docs/durable-jobs.md).

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/coroutine.h"
#include "core/json.h"
#include "durable/dead_letter.h"
#include "durable/kept_request.h"
#include "durable_jobs.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr auto kTick = milliseconds(100);
constexpr auto kFirstBackoff = milliseconds(1000);
constexpr auto kLongestBackoff = milliseconds(60'000);
constexpr int kKeepTries = 5;
// A record is written to the server's disk each time; who watches closely listens to the progress.
constexpr auto kProgressGap = milliseconds(1000);

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

// The acknowledgement of a job that is to come again after so long.
std::string GivenBack(milliseconds delay) {
  if (delay.count() == 0) return "-NAK";
  return fmt::format(R"(-NAK {{"delay":{}}})", std::chrono::nanoseconds(delay).count());
}

// The error that a stored reply tells of.
Status ErrorOf(const Message& reply) {
  const auto body = ParseJson(AsText(reply.data()));
  if (body.ok() && body->is_object() && body->value("code", json()).is_string()) {
    const auto code = CodeByName((*body)["code"].get_ref<const std::string&>());
    if (code) return {*code, body->value("message", ""), body->value("hint", "")};
  }
  return Status(Code::kInternal, "the stored reply says why");
}

}  // namespace

std::optional<JobState> FinalStateOf(const Message& reply) {
  const auto state = JobStateByName(reply.Header(kFinalState).value_or(""));
  return state && IsTerminal(*state) ? state : std::nullopt;
}

awaitable<void> DurableJobs::Finish(HeldJob job, std::unique_ptr<Publication> reply) {
  JobRecord& record = job->record();
  const auto stored = co_await jetstream_.Store(std::move(reply));
  if (const auto spans = std::exchange(job->spans, nullptr)) spans->Published(stored.ok());
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
    co_await Conclude(job, TerminalState(record.error.code()), std::nullopt);
    co_return;
  }
  // With what is stored, whoever stored it.
  if (!co_await Settle(job)) co_await Return(job, kSoon);
}

// The job's final reply, if one is stored.
awaitable<Result<std::optional<Message>>> DurableJobs::FinalReply(const HeldJob& job) {
  const JobRecord& record = job->record();
  return jetstream_.Last(names_.results, names_.Result(record.model, record.id));
}

// Ends a job by the final reply that is stored for it. False: there is none.
awaitable<bool> DurableJobs::Settle(HeldJob job) {
  JobRecord& record = job->record();
  auto reply = co_await FinalReply(job);
  if (!reply.ok() || !reply->has_value()) co_return false;
  const auto state = FinalStateOf(**reply);
  if (!state) co_return false;
  record.error = *state == JobState::kSucceeded ? Status::Ok() : ErrorOf(**reply);
  co_await Conclude(job, *state, *std::move(*reply));
  co_return true;
}

// What goes with an end, once the final reply is stored that says so. `reply` is that, where it is
// to be forwarded.
awaitable<void> DurableJobs::Conclude(HeldJob job, JobState state, std::optional<Message> reply) {
  JobRecord& record = job->record();
  record.finished = system_clock::now();
  record.result = names_.Result(record.model, record.id);
  if (LeavesDeadLetter(record.error.code())) {
    if (!co_await Bury(job)) {
      co_await Return(job, kSoon);
      co_return;
    }
  } else {
    KeepRequest(job);
  }
  DropState(job);
  record.Move(state);
  if (co_await Keep(job)) {
    const bool told = !reply || co_await Forward(job, *std::move(reply));
    Acknowledge(job->delivery, told ? "+ACK" : "-NAK");
  }
  Release(job);
}

// Stores the job's dead letter. False: that cannot be done now.
awaitable<bool> DurableJobs::Bury(HeldJob job) {
  JobRecord& record = job->record();
  if (!job->request) co_return true;
  PlainPublication::Headers headers = {
      {"Nats-Msg-Id", record.id},
      {"Darkroom-Class", record.job_class},
      {kExpectedLast, "0"},
      {kDeadLetterHeader, DeadLetterReport(record, parts_.log_of(*job->model))}};
  if (job->trace) headers.emplace_back(kTraceParent, job->trace.Parent());
  auto letter = std::make_unique<KeptRequest>(names_.Dead(record.model, record.id),
                                              std::move(job->request), std::move(headers));
  const auto stored = co_await jetstream_.Store(std::move(letter));
  if (!stored.ok()) {
    parts_.log.warn("{} {}: its dead letter could not be stored: {}", record.id, record.model,
                    stored.status().ToString());
    co_return false;
  }
  record.dead = true;
  parts_.metrics.DeadLettered(record.model);
  parts_.log.error("{} {}: failed for good after {} attempts: {}; its dead letter is kept",
                   record.id, record.model, record.attempts, record.error.ToString());
  co_return true;
}

// Publishes the stored reply of a job that has ended where it is wanted besides. False: it cannot
// be read now.
awaitable<bool> DurableJobs::Answer(HeldJob job) {
  if (job->reply_to.empty()) co_return true;
  auto reply = co_await FinalReply(job);
  if (!reply.ok()) co_return false;
  co_return !reply->has_value() || co_await Forward(job, **std::move(reply));
}

// Publishes a reply to the job's Darkroom-Reply-To, if it has one. False: a stream keeps that
// subject and has not stored it, as when it has no leader just now.
awaitable<bool> DurableJobs::Forward(HeldJob job, Message reply) {
  if (job->reply_to.empty()) co_return true;
  auto forwarded = std::make_unique<Forwarded>(job->reply_to, std::move(reply));
  const json question = {{"subject", job->reply_to}};
  const auto streams = co_await jetstream_.Api("STREAM.NAMES", question);
  // Where we may not ask, nobody tells us; else somebody will, soon.
  if (!streams.ok() && parts_.config.jobs.manage_streams) co_return false;
  if (!streams.ok() || streams->value("total", 0) == 0) {
    parts_.publisher.Publish(std::move(forwarded));
    co_return true;
  }
  const auto stored = co_await jetstream_.Store(std::move(forwarded));
  // What it refuses it would refuse again.
  co_return stored.ok() || stored.status().code() == Code::kFailedPrecondition;
}

// Nobody waits until it is stored: the job is over without.
void DurableJobs::KeepRequest(const HeldJob& job) {
  if (!parts_.config.jobs.keep_requests || !job->request) return;
  const JobRecord& record = job->record();
  PlainPublication::Headers headers = {{"Nats-Msg-Id", record.id},
                                       {"Darkroom-Class", record.job_class}};
  parts_.publisher.Publish(std::make_unique<KeptRequest>(
      names_.Request(record.model, record.id), std::move(job->request), std::move(headers)));
}

void DurableJobs::DropState(const HeldJob& job) {
  if (std::exchange(job->may_have_state, false)) kept_states_.Drop(OwnerOf(*job));
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
  Acknowledge(job->delivery, GivenBack(delay));
  Release(job);
}

awaitable<void> DurableJobs::Return(HeldJob job, milliseconds delay) {
  JobRecord& record = job->record();
  ++record.returned;
  record.Move(JobState::kQueued);
  co_await Keep(job);
  Acknowledge(job->delivery, GivenBack(delay));
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
    std::vector<uint64_t> news;
    for (const auto& [token, job] : running_) {
      const Job* running = parts_.flow.jobs().Find(token);
      if (running == nullptr || running->state != JobState::kRunning || job->telling) continue;
      if (HasNews(*job, *running)) news.push_back(token);
    }
    for (const uint64_t token : news) {
      const auto found = running_.find(token);
      const Job* running = parts_.flow.jobs().Find(token);
      if (found == running_.end() || running == nullptr) continue;  // ended meanwhile
      const HeldJob job = found->second;
      JobRecord& record = job->record();
      if (record.state != JobState::kRunning) {
        record.Move(JobState::kRunning);
        record.started = system_clock::now();
        record.host = parts_.config.host_name;
      }
      record.progress = running->progress;
      record.stage = running->stage;
      job->told = std::chrono::steady_clock::now();
      job->telling = true;
      co_await Keep(job);
      job->telling = false;
    }
  }
  telling_ = false;
}

// Whether the record is to be written anew.
bool DurableJobs::HasNews(const Held& job, const Job& running) const {
  const JobRecord& record = job.entry.record;
  if (record.state != JobState::kRunning) return true;
  return running.progress != record.progress &&
         std::chrono::steady_clock::now() - job.told >= kProgressGap;
}

void DurableJobs::StopTaking() {
  stopping_ = true;
  intake_->Unsubscribe(kAnnouncements);
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
  const auto none = [this] { return held_.empty() && kept_states_.idle(); };
  co_await changes_.Until(none);
}

}  // namespace darkroom
