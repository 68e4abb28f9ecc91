// SPDX-License-Identifier: Apache-2.0

#include "jobs/job_submitter.h"

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace darkroom {
namespace {

using nlohmann::json;

std::string_view DataOf(natsMsg* message) {
  const char* data = natsMsg_GetData(message);
  const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

// The number that the text ends in, after the last `before`.
uint64_t LastNumber(std::string_view text, char before) {
  uint64_t number = 0;
  std::from_chars(text.data() + text.rfind(before) + 1, text.data() + text.size(), number);
  return number;
}

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<...>
uint64_t SequenceOf(std::string_view subject) {
  for (int dots = 0; dots < 5; ++dots) subject.remove_prefix(subject.find('.') + 1);
  return LastNumber(subject.substr(0, subject.find('.')), '.');
}

}  // namespace

JobSubmitter::JobSubmitter(JobPlan plan, Meter* meter, std::function<void()> on_end)
    : plan_(std::move(plan)), meter_(meter), on_end_(std::move(on_end)) {
  bytes_ = std::string(Slot(0, plan_.size).Next());
}

JobSubmitter::~JobSubmitter() {
  // The delivery threads use this object: they have to be gone first.
  for (Ear* ear : {&acceptances_, &ends_}) {
    if (ear->subscription) natsSubscription_Unsubscribe(ear->subscription.get());
  }
  if (connection_) natsConnection_Close(connection_.get());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return (!acceptances_.subscription || acceptances_.over) && (!ends_.subscription || ends_.over);
  });
}

void JobSubmitter::OnMessage(natsConnection*, natsSubscription*, natsMsg* raw, void* closure) {
  const NatsMessage message(raw);
  auto* ear = static_cast<Ear*>(closure);
  (ear->self->*ear->hear)(raw);
}

void JobSubmitter::OnDeliveryEnded(void* closure) {
  auto* ear = static_cast<Ear*>(closure);
  const std::lock_guard lock(ear->self->mutex_);
  ear->over = true;
  ear->self->changed_.notify_all();
}

void JobSubmitter::OnError(natsConnection*, natsSubscription*, natsStatus status, void* self) {
  static_cast<JobSubmitter*>(self)->meter_->Error(ReplyError::kTransport,
                                                  natsStatus_GetText(status));
}

Status JobSubmitter::Listen(Ear* ear, const std::string& subject,
                            void (JobSubmitter::*hear)(natsMsg*)) {
  ear->self = this;
  ear->hear = hear;
  natsSubscription* subscription = nullptr;
  Status status = FromNats(
      natsConnection_Subscribe(&subscription, connection_.get(), subject.c_str(), OnMessage, ear),
      "cannot subscribe");
  if (!status.ok()) return status;
  ear->subscription.reset(subscription);
  natsSubscription_SetPendingLimits(subscription, -1, kPendingBytes);
  natsSubscription_SetOnCompleteCB(subscription, OnDeliveryEnded, ear);
  return Status::Ok();
}

Status JobSubmitter::Connect() {
  auto inbox = MakeInbox();
  if (!inbox.ok()) return inbox.status();
  inbox_ = *std::move(inbox);
  // "_INBOX.", what makes it unique, "."
  run_ = inbox_.substr(7, inbox_.size() - 8) + "-";
  auto connection = ConnectNats(plan_.url, "bench-jobs", OnError, this);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  Status status = Listen(&acceptances_, inbox_ + "*", &JobSubmitter::HearAcceptance);
  if (status.ok()) {
    status = plan_.stream.empty() ? Listen(&ends_, plan_.replies + "*", &JobSubmitter::HearReply)
                                  : Listen(&ends_, "$JS.ACK." + plan_.stream + ".>",
                                           &JobSubmitter::HearAcknowledgement);
  }
  if (!status.ok()) return status;
  return FromNats(natsConnection_FlushTimeout(connection_.get(), 5000), "cannot flush");
}

Status JobSubmitter::Probe(std::chrono::milliseconds patience) {
  Submit();
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return open_.empty(); });
  if (!open_.empty()) return Status::Internal("no end of a job on " + plan_.subject);
  if (!refused_.empty()) return Status::Internal(std::exchange(refused_, ""));
  counts_ = true;
  return Status::Ok();
}

Status JobSubmitter::Open(std::chrono::milliseconds patience) {
  const auto end = BenchClock::now() + patience;
  if (Status status = Connect(); !status.ok()) return status;
  for (;;) {
    Status status = Probe(patience);
    if (status.ok() || BenchClock::now() >= end) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

NatsMessage JobSubmitter::MakeJob(uint64_t number) const {
  std::string body = bytes_;
  std::memcpy(body.data(), &number, sizeof(number));
  const std::string text = std::to_string(number);
  natsMsg* job = nullptr;
  natsMsg_Create(&job, plan_.subject.c_str(), (inbox_ + text).c_str(), body.data(),
                 static_cast<int>(body.size()));
  natsMsgHeader_Set(job, "Nats-Msg-Id", (run_ + text).c_str());
  return NatsMessage(job);
}

void JobSubmitter::Submit() {
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = submitted_++;
    open_[number].sent = BenchClock::now();
  }
  const NatsMessage job = MakeJob(number);
  // Unlike PublishMsg it writes before it returns.
  const natsStatus sent = natsConnection_SendMsg(connection_.get(), job.get());
  if (sent != NATS_OK) Refused(number, ReplyError::kTransport, natsStatus_GetText(sent));
}

void JobSubmitter::HearAcceptance(natsMsg* message) {
  const uint64_t number = LastNumber(natsMsg_GetSubject(message), '.');
  if (natsMsg_IsNoResponders(message)) return Refused(number, ReplyError::kUnreached, "");
  const json answer = json::parse(DataOf(message), nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || answer.contains("error") || answer.value("duplicate", false)) {
    return Refused(number, ReplyError::kService, std::string(DataOf(message)));
  }
  Accepted(number, answer.value("seq", uint64_t{0}));
}

ReplyError JobSubmitter::Check(natsMsg* reply, uint64_t number, std::string* detail) const {
  const ReplyError error = ErrorOf(reply, detail);
  if (error != ReplyError::kNone) return error;
  const std::string_view data = DataOf(reply);
  if (data.size() != bytes_.size()) return ReplyError::kLength;
  const bool same = std::memcmp(data.data(), &number, sizeof(number)) == 0 &&
                    data.substr(sizeof(number)) == std::string_view(bytes_).substr(sizeof(number));
  return same ? ReplyError::kNone : ReplyError::kContent;
}

void JobSubmitter::HearReply(natsMsg* message) {
  const auto now = BenchClock::now();
  std::string_view id = natsMsg_GetSubject(message);
  id.remove_prefix(plan_.replies.size());
  if (!id.starts_with(run_)) return;  // of another's job
  const uint64_t number = LastNumber(id, '-');
  std::string detail;
  const ReplyError error = Check(message, number, &detail);
  if (error != ReplyError::kNone) return Refused(number, error, detail);
  Ended(number, now);
}

void JobSubmitter::HearAcknowledgement(natsMsg* message) {
  const auto now = BenchClock::now();
  if (DataOf(message) != "+ACK") return;  // that it is still at work, say
  const uint64_t sequence = SequenceOf(natsMsg_GetSubject(message));
  std::unique_lock lock(mutex_);
  const auto found = numbers_.find(sequence);
  if (found == numbers_.end()) {
    early_.emplace(sequence, now);
    return;
  }
  const uint64_t number = found->second;
  numbers_.erase(found);
  lock.unlock();
  Ended(number, now);
}

void JobSubmitter::Accepted(uint64_t number, uint64_t sequence) {
  std::unique_lock lock(mutex_);
  const auto job = open_.find(number);
  if (job == open_.end()) return;  // its reply was wrong
  job->second.accepted = true;
  if (!plan_.stream.empty()) {
    if (const auto early = early_.find(sequence); early != early_.end()) {
      job->second.ended = early->second;
      job->second.has_ended = true;
      early_.erase(early);
    } else {
      numbers_.emplace(sequence, number);
    }
  }
  CountIfDone(number, std::move(lock));
}

void JobSubmitter::Ended(uint64_t number, BenchClock::time_point when) {
  std::unique_lock lock(mutex_);
  const auto job = open_.find(number);
  if (job == open_.end() || job->second.has_ended) {
    lock.unlock();
    return meter_->Error(ReplyError::kContent, "a second reply");
  }
  job->second.ended = when;
  job->second.has_ended = true;
  CountIfDone(number, std::move(lock));
}

void JobSubmitter::CountIfDone(uint64_t number, std::unique_lock<std::mutex> lock) {
  const auto found = open_.find(number);
  const Job job = found->second;
  if (!job.accepted || !job.has_ended) return;
  open_.erase(found);
  if (open_.empty()) changed_.notify_all();
  const bool counts = counts_;
  lock.unlock();
  if (!counts) return;
  meter_->Reply(job.sent, job.ended);
  on_end_();
}

void JobSubmitter::Refused(uint64_t number, ReplyError error, const std::string& detail) {
  std::unique_lock lock(mutex_);
  open_.erase(number);
  const bool counts = counts_;
  if (!counts)
    refused_ = plan_.subject + ": " + Words(error) + (detail.empty() ? "" : " " + detail);
  if (open_.empty()) changed_.notify_all();
  lock.unlock();
  if (!counts) return;
  meter_->Error(error, detail);
  on_end_();
}

void JobSubmitter::Finish(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return open_.empty(); });
  const std::size_t missing = open_.size();
  lock.unlock();
  for (std::size_t i = 0; i < missing; ++i) meter_->Error(ReplyError::kNoReply, plan_.subject);
}

}  // namespace darkroom
