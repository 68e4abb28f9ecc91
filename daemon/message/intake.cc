// SPDX-License-Identifier: Apache-2.0

#include "message/intake.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace darkroom {
namespace {

// What NATS.c may hold of one subscription before it drops messages unseen. It hands each over at
// once, so that only a stall of its own thread ever fills this.
constexpr int kPendingBytes = 256 << 20;
// While the server is gone it cannot confirm the drain; what we hold ourselves needs only moments.
constexpr int64_t kDrainTimeoutMs = 3'000;
constexpr int64_t kConfirmTimeoutMs = 5'000;

}  // namespace

Intake::Intake(boost::asio::io_context& io, std::unique_ptr<Connection> connection, Handler handler)
    : io_(io),
      connection_(std::move(connection)),
      arrivals_(io,
                [handler = std::move(handler)](std::vector<Arrival>& arrivals) {
                  for (Arrival& arrival : arrivals) handler(std::move(arrival));
                }),
      drained_(io) {}

Intake::~Intake() {
  *alive_ = false;
  if (drainer_.joinable()) drainer_.join();
  for (const auto& subscription : subscriptions_) natsSubscription_Destroy(subscription->nats);
  connection_.reset();  // no callback runs after this, so the subscriptions' closures may go
  arrivals_.Close();
}

Status Intake::Subscribe(const std::string& subject, const std::string& queue_group,
                         uint32_t number) {
  auto subscription = std::make_unique<Subscription>(Subscription{this, number, nullptr});
  const auto on_message = [](natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
    const auto* self = static_cast<const Subscription*>(closure);
    self->intake->arrivals_.Put({self->number, Message(message)});
  };
  natsConnection* nats = connection_->nats();
  const natsStatus status =
      queue_group.empty()
          ? natsConnection_Subscribe(&subscription->nats, nats, subject.c_str(), on_message,
                                     subscription.get())
          : natsConnection_QueueSubscribe(&subscription->nats, nats, subject.c_str(),
                                          queue_group.c_str(), on_message, subscription.get());
  if (status != NATS_OK) {
    return Status::Internal(
        fmt::format("cannot subscribe to '{}': {}", subject, natsStatus_GetText(status)));
  }
  natsSubscription_SetPendingLimits(subscription->nats, -1, kPendingBytes);
  subscriptions_.push_back(std::move(subscription));
  return Status::Ok();
}

void Intake::Unsubscribe(uint32_t number, std::function<void()> dry) {
  const auto found =
      std::find_if(subscriptions_.begin(), subscriptions_.end(),
                   [number](const auto& subscription) { return subscription->number == number; });
  if (found == subscriptions_.end()) return;
  Subscription* const subscription = found->get();
  subscription->dry = std::move(dry);
  // On a thread of NATS.c's, after the last message: so behind every arrival.
  const auto on_complete = [](void* closure) {
    const auto* self = static_cast<const Subscription*>(closure);
    boost::asio::post(self->intake->io_, [self, alive = self->intake->alive_] {
      if (*alive) self->intake->OnDry(self);
    });
  };
  natsSubscription_SetOnCompleteCB(subscription->nats, on_complete, subscription);
  natsSubscription_DrainTimeout(subscription->nats, kDrainTimeoutMs);
}

void Intake::OnDry(const Subscription* subscription) {
  // Whoever drains all of them walks over them on a thread of his own.
  if (draining_) return;
  const auto found =
      std::find_if(subscriptions_.begin(), subscriptions_.end(),
                   [subscription](const auto& one) { return one.get() == subscription; });
  const std::function<void()> dry = std::move((*found)->dry);
  natsSubscription_Destroy((*found)->nats);
  subscriptions_.erase(found);
  if (dry) dry();
}

Status Intake::Confirm() {
  const natsStatus status = natsConnection_FlushTimeout(connection_->nats(), kConfirmTimeoutMs);
  if (status == NATS_OK) return Status::Ok();
  return Status::Internal(
      fmt::format("the server did not confirm the subscriptions: {}", natsStatus_GetText(status)));
}

boost::asio::awaitable<void> Intake::Drain() {
  draining_ = true;
  drainer_ = std::thread([this] {
    for (const auto& subscription : subscriptions_) {
      natsSubscription_DrainTimeout(subscription->nats, kDrainTimeoutMs);
    }
    for (const auto& subscription : subscriptions_) {
      natsSubscription_WaitForDrainCompletion(subscription->nats, kDrainTimeoutMs);
    }
    // Behind every arrival that is already in the io_context's line.
    boost::asio::post(io_, [this] { drained_.Set(); });
  });
  co_await drained_.Wait();
}

}  // namespace darkroom
