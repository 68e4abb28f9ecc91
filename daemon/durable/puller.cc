// SPDX-License-Identifier: Apache-2.0

#include "durable/puller.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace darkroom {
namespace {

constexpr auto kExpires = std::chrono::seconds(30);
constexpr auto kHeartbeat = std::chrono::seconds(1);
// So long without a heartbeat, and what was asked is taken for lost.
constexpr auto kSilence = std::chrono::milliseconds(2500);
// Where asking is refused (no leader yet, the consumer is being made) it is not asked at once
// again.
constexpr auto kPause = std::chrono::milliseconds(250);

int64_t Ns(std::chrono::nanoseconds duration) { return duration.count(); }

// Of a status that ends a request: how many jobs it did not bring.
std::optional<uint32_t> Unbrought(const Message& status) {
  const auto text = status.Header("Nats-Pending-Messages");
  uint32_t jobs = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), jobs).ec != std::errc()) {
    return std::nullopt;
  }
  return jobs;
}

}  // namespace

Puller::Puller(boost::asio::io_context& io, Publisher& publisher, Source source, OnJob on_job)
    : publisher_(publisher),
      source_(std::move(source)),
      on_job_(std::move(on_job)),
      watch_(io),
      later_(io) {}

void Puller::Want(uint32_t jobs) {
  wanted_ = jobs;
  Ask();
}

void Puller::OnConnected() {
  asked_ = 0;
  Ask();
}

void Puller::Ask() {
  // Once half of the places are unasked for, and not for each as it gets free.
  if (waiting_ || wanted_ == 0 || asked_ > wanted_ / 2) return;
  if (asked_ == 0) {
    heard_ = Clock::now();
    Watch();
  }
  auto pull = std::make_unique<PlainPublication>(
      fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", source_.stream, source_.consumer),
      fmt::format(R"({{"batch":{},"expires":{},"idle_heartbeat":{}}})", wanted_ - asked_,
                  Ns(kExpires), Ns(kHeartbeat)));
  pull->set_reply(source_.inbox);
  publisher_.Publish(std::move(pull));
  asked_ = wanted_;
}

void Puller::OnMessage(Message message) {
  heard_ = Clock::now();
  const auto status = message.Header("Status");
  if (status == "100") return;  // the server is there
  if (!status) {
    if (asked_ > 0) --asked_;
    // Whoever takes it says what is wanted from here on.
    if (wanted_ > 0) --wanted_;
    on_job_(std::move(message));
    return;
  }
  // A refusal does not say how much it refuses.
  asked_ -= std::min(Unbrought(message).value_or(asked_), asked_);
  if (status == "404" || status == "408") {
    Ask();
  } else {
    AskLater();
  }
}

void Puller::AskLater() {
  if (std::exchange(waiting_, true)) return;
  later_.expires_after(kPause);
  later_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive) return;
    waiting_ = false;
    Ask();
  });
}

void Puller::Watch() {
  watch_.expires_after(kSilence);
  watch_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive || asked_ == 0) return;
    if (Clock::now() - heard_ >= kSilence) {
      asked_ = 0;
      Ask();
      return;
    }
    Watch();
  });
}

}  // namespace darkroom
