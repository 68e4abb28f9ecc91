// SPDX-License-Identifier: Apache-2.0
//
// Request/reply over one NATS connection: an inbox with one subject per slot, replies handled on
// the subscription's delivery thread, which sends the next request at once
// (natsConnection_SendRequest writes before it returns).

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <string_view>
#include <thread>

#include "echo/load.h"
#include "echo/nats_client.h"

namespace darkroom {
namespace {

class NatsLoad : public Load {
 public:
  NatsLoad(const LoadPlan& plan, Meter* meter) : plan_(plan), meter_(meter) {
    for (std::size_t i = 0; i < plan.concurrency; ++i) slots_.emplace_back(i, plan.size);
  }
  ~NatsLoad() override {
    // The delivery thread uses this object: it has to be gone first.
    if (subscription_) natsSubscription_Unsubscribe(subscription_.get());
    if (connection_) natsConnection_Close(connection_.get());
    std::unique_lock lock(mutex_);
    if (subscription_) delivery_ended_.wait(lock, [this] { return delivery_has_ended_; });
  }

  Status Open(std::chrono::milliseconds patience) override;
  Status Start() override;
  void Finish(std::chrono::milliseconds patience) override;

 private:
  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    static_cast<NatsLoad*>(self)->HandleReply(NatsMessage(message));
  }
  static void OnDeliveryEnded(void* self) {
    auto* load = static_cast<NatsLoad*>(self);
    std::lock_guard lock(load->mutex_);
    load->delivery_has_ended_ = true;
    load->delivery_ended_.notify_all();
  }
  static void OnError(natsConnection*, natsSubscription*, natsStatus status, void* self) {
    static_cast<NatsLoad*>(self)->meter_->Error(ReplyError::kTransport, natsStatus_GetText(status));
  }

  Status Connect();
  Status Probe();
  ReplyError Check(natsMsg* message, const Slot& slot, std::string* detail) const;
  void HandleReply(NatsMessage message);
  void EndSlot();

  const LoadPlan plan_;
  Meter* const meter_;
  std::vector<Slot> slots_;
  std::vector<std::string> inboxes_;
  std::size_t inbox_prefix_ = 0;  // length of an inbox's name up to the slot's number
  NatsConnection connection_;
  NatsSubscription subscription_;

  std::mutex mutex_;
  std::condition_variable slot_ended_;
  std::condition_variable delivery_ended_;
  std::size_t live_ = 0;             // slots that still send; guarded by mutex_
  bool delivery_has_ended_ = false;  // guarded by mutex_
  std::atomic<bool> stopping_{false};
};

Status NatsLoad::Connect() {
  auto connection = ConnectNats(plan_.url, "bench-load", OnError, this);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return Status::Ok();
}

Status NatsLoad::Probe() {
  Slot& slot = slots_.front();
  const std::string_view body = slot.Next();
  natsMsg* raw = nullptr;
  const natsStatus asked = natsConnection_Request(&raw, connection_.get(), plan_.subject.c_str(),
                                                  body.data(), static_cast<int>(body.size()), 2000);
  const NatsMessage reply(raw);
  if (asked != NATS_OK) return FromNats(asked, "no answer on " + plan_.subject);
  std::string detail;
  if (Check(reply.get(), slot, &detail) == ReplyError::kNone) return Status::Ok();
  return Status::Internal("a wrong answer on " + plan_.subject + ": " + detail);
}

Status NatsLoad::Open(std::chrono::milliseconds patience) {
  const auto end = BenchClock::now() + patience;
  for (;;) {
    Status status = connection_ ? Status::Ok() : Connect();
    if (status.ok()) status = Probe();
    if (status.ok()) break;
    if (BenchClock::now() >= end) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  auto inbox = MakeInbox();
  if (!inbox.ok()) return inbox.status();
  const std::string& prefix = *inbox;
  inbox_prefix_ = prefix.size();
  for (std::size_t i = 0; i < slots_.size(); ++i) inboxes_.push_back(prefix + std::to_string(i));

  natsSubscription* subscription = nullptr;
  Status status = FromNats(natsConnection_Subscribe(&subscription, connection_.get(),
                                                    (prefix + "*").c_str(), OnMessage, this),
                           "cannot subscribe");
  if (!status.ok()) return status;
  subscription_.reset(subscription);
  natsSubscription_SetPendingLimits(subscription, -1, kPendingBytes);
  natsSubscription_SetOnCompleteCB(subscription, OnDeliveryEnded, this);
  return FromNats(natsConnection_FlushTimeout(connection_.get(), 5000), "cannot flush");
}

ReplyError NatsLoad::Check(natsMsg* message, const Slot& slot, std::string* detail) const {
  const ReplyError error = ErrorOf(message, detail);
  if (error != ReplyError::kNone) return error;
  return slot.Check(
      {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))});
}

void NatsLoad::HandleReply(NatsMessage message) {
  const auto now = BenchClock::now();
  const std::string_view subject = natsMsg_GetSubject(message.get());
  std::size_t index = 0;
  std::from_chars(subject.data() + inbox_prefix_, subject.data() + subject.size(), index);
  Slot& slot = slots_[index];

  std::string detail;
  const ReplyError error = Check(message.get(), slot, &detail);
  if (error == ReplyError::kNone) {
    meter_->Reply(slot.sent(), now);
  } else {
    meter_->Error(error, detail);
  }
  message.reset();
  if (stopping_ || (error != ReplyError::kNone && meter_->errors() >= kErrorLimit))
    return EndSlot();

  const std::string_view body = slot.Next();
  const natsStatus sent =
      natsConnection_SendRequest(connection_.get(), plan_.subject.c_str(), inboxes_[index].c_str(),
                                 body.data(), static_cast<int>(body.size()));
  if (sent != NATS_OK) {
    meter_->Error(ReplyError::kTransport, natsStatus_GetText(sent));
    EndSlot();
  }
}

void NatsLoad::EndSlot() {
  std::lock_guard lock(mutex_);
  if (--live_ == 0) slot_ended_.notify_all();
}

Status NatsLoad::Start() {
  {
    std::lock_guard lock(mutex_);
    live_ = slots_.size();
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::string_view body = slots_[i].Next();
    Status status = FromNats(
        natsConnection_SendRequest(connection_.get(), plan_.subject.c_str(), inboxes_[i].c_str(),
                                   body.data(), static_cast<int>(body.size())),
        "cannot send");
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

void NatsLoad::Finish(std::chrono::milliseconds patience) {
  stopping_ = true;
  std::unique_lock lock(mutex_);
  slot_ended_.wait_for(lock, patience, [this] { return live_ == 0; });
  for (std::size_t i = 0; i < live_; ++i) meter_->Error(ReplyError::kNoReply, plan_.subject);
}

}  // namespace

std::unique_ptr<Load> MakeNatsLoad(const LoadPlan& plan, Meter* meter) {
  return std::make_unique<NatsLoad>(plan, meter);
}

}  // namespace darkroom
