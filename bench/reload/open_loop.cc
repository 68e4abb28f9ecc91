// SPDX-License-Identifier: Apache-2.0

#include "reload/open_loop.h"

#include <charconv>
#include <cstring>
#include <thread>
#include <utility>

namespace darkroom {
namespace {

constexpr const char* kJobHeader = "Darkroom-Job";
constexpr const char* kDeadlineHeader = "Darkroom-Deadline";

std::string JobOf(uint64_t number) { return "reload-" + std::to_string(number); }

std::string_view DataOf(natsMsg* message) {
  const char* data = natsMsg_GetData(message);
  const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

// A number in a header; `missing` if there is none.
template <typename Number>
Number NumberOf(natsMsg* message, const char* header, Number missing) {
  const char* text = nullptr;
  if (natsMsgHeader_Get(message, header, &text) != NATS_OK) return missing;
  Number number = missing;
  std::from_chars(text, text + std::strlen(text), number);
  return number;
}

void TakeReceipt(natsMsg* message, RequestRecord* record) {
  record->code = NumberOf(message, "Nats-Service-Error-Code", uint32_t{0});
  record->queue_ms = NumberOf(message, "Darkroom-Queue-Ms", -1.0F);
  record->run_ms = NumberOf(message, "Darkroom-Run-Ms", -1.0F);
}

}  // namespace

OpenLoop::OpenLoop(OpenLoopPlan plan) : plan_(std::move(plan)) {
  bytes_ = plan_.body.empty() ? std::string(Slot(0, plan_.size).Next()) : plan_.body;
}

OpenLoop::~OpenLoop() {
  // The delivery thread uses this object: it has to be gone first.
  if (subscription_) natsSubscription_Unsubscribe(subscription_.get());
  if (connection_) natsConnection_Close(connection_.get());
  std::unique_lock lock(mutex_);
  if (subscription_) changed_.wait(lock, [this] { return delivery_has_ended_; });
}

void OpenLoop::OnDeliveryEnded(void* self) {
  auto* loop = static_cast<OpenLoop*>(self);
  const std::lock_guard lock(loop->mutex_);
  loop->delivery_has_ended_ = true;
  loop->changed_.notify_all();
}

void OpenLoop::OnError(natsConnection*, natsSubscription*, natsStatus status, void* self) {
  auto* loop = static_cast<OpenLoop*>(self);
  const std::lock_guard lock(loop->mutex_);
  loop->Count(ReplyError::kTransport, natsStatus_GetText(status));
}

void OpenLoop::Count(ReplyError error, const std::string& detail) {
  ++errors_[Words(error) + (detail.empty() ? "" : ": " + detail)];
}

NatsMessage OpenLoop::MakeRequest(uint64_t number, const std::string& reply) {
  if (plan_.body.empty()) std::memcpy(bytes_.data(), &number, sizeof(number));
  natsMsg* message = nullptr;
  natsMsg_Create(&message, plan_.subject.c_str(), reply.empty() ? nullptr : reply.c_str(),
                 bytes_.data(), static_cast<int>(bytes_.size()));
  natsMsgHeader_Set(message, kJobHeader, JobOf(number).c_str());
  if (!plan_.deadline.empty()) {
    natsMsgHeader_Set(message, kDeadlineHeader, plan_.deadline.c_str());
  }
  return NatsMessage(message);
}

ReplyError OpenLoop::Check(natsMsg* message, uint64_t number, std::string* detail) const {
  const ReplyError error = ErrorOf(message, detail);
  if (error != ReplyError::kNone) return error;
  const char* job = "";
  natsMsgHeader_Get(message, kJobHeader, &job);
  if (job != JobOf(number)) {
    *detail = "of the job '" + std::string(job) + "'";
    return ReplyError::kContent;
  }
  const std::string_view data = DataOf(message);
  const std::string_view expected = plan_.body.empty() ? bytes_ : expected_;
  if (data.size() != expected.size()) return ReplyError::kLength;
  // Bytes that are to come back are all requests' but for the number that they begin with.
  const std::size_t differing = plan_.body.empty() ? sizeof(number) : 0;
  const bool same = std::memcmp(data.data(), &number, differing) == 0 &&
                    data.substr(differing) == expected.substr(differing);
  return same ? ReplyError::kNone : ReplyError::kContent;
}

Status OpenLoop::Probe() {
  // No number of a request that is counted.
  constexpr uint64_t kProbe = ~uint64_t{0};
  const NatsMessage request = MakeRequest(kProbe, "");
  natsMsg* raw = nullptr;
  const natsStatus asked =
      natsConnection_RequestMsg(&raw, connection_.get(), request.get(), /*timeout=*/5000);
  const NatsMessage reply(raw);
  if (asked != NATS_OK) return FromNats(asked, "no answer on " + plan_.subject);
  if (!plan_.body.empty()) expected_ = DataOf(reply.get());
  std::string detail;
  const ReplyError error = Check(reply.get(), kProbe, &detail);
  if (error == ReplyError::kNone) return Status::Ok();
  return Status::Internal(std::string("a wrong answer on ") + plan_.subject + ": " + Words(error) +
                          " " + detail);
}

Status OpenLoop::Subscribe() {
  auto inbox = MakeInbox();
  if (!inbox.ok()) return inbox.status();
  inbox_ = *inbox;
  natsSubscription* subscription = nullptr;
  Status status = FromNats(natsConnection_Subscribe(&subscription, connection_.get(),
                                                    (inbox_ + "*").c_str(), OnMessage, this),
                           "cannot subscribe");
  if (!status.ok()) return status;
  subscription_.reset(subscription);
  natsSubscription_SetPendingLimits(subscription, -1, kPendingBytes);
  natsSubscription_SetOnCompleteCB(subscription, OnDeliveryEnded, this);
  return FromNats(natsConnection_FlushTimeout(connection_.get(), 5000), "cannot flush");
}

Status OpenLoop::Open(std::chrono::milliseconds patience) {
  auto connection = ConnectNats(plan_.url, "bench-openload", OnError, this);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  const auto end = BenchClock::now() + patience;
  for (Status status = Probe(); !status.ok(); status = Probe()) {
    if (BenchClock::now() >= end) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return Subscribe();
}

Status OpenLoop::Send() {
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = records_.size();
  }
  const NatsMessage request = MakeRequest(number, inbox_ + std::to_string(number));
  {
    const std::lock_guard lock(mutex_);
    records_.emplace_back().sent = BenchClock::now();
    ++unanswered_;
  }
  // Unlike PublishMsg it writes before it returns.
  return FromNats(natsConnection_SendMsg(connection_.get(), request.get()), "cannot send");
}

void OpenLoop::HandleReply(NatsMessage message) {
  const auto now = BenchClock::now();
  const std::string_view subject = natsMsg_GetSubject(message.get());
  uint64_t number = 0;
  std::from_chars(subject.data() + inbox_.size(), subject.data() + subject.size(), number);
  std::string detail;
  const ReplyError error = Check(message.get(), number, &detail);
  const std::lock_guard lock(mutex_);
  if (number >= records_.size()) return Count(ReplyError::kContent, "to no request");
  RequestRecord& record = records_[number];
  if (record.replies++ == 0) {
    record.latency_us = std::chrono::duration<float, std::micro>(now - record.sent).count();
    TakeReceipt(message.get(), &record);
    if (--unanswered_ == 0) changed_.notify_all();
  }
  if (error == ReplyError::kNone) return;
  record.error = error;
  Count(error, detail);
}

void OpenLoop::Finish(std::chrono::milliseconds patience, std::chrono::milliseconds late) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return unanswered_ == 0; });
  }
  std::this_thread::sleep_for(late);
  natsSubscription_Unsubscribe(subscription_.get());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return delivery_has_ended_; });
}

}  // namespace darkroom
