// SPDX-License-Identifier: Apache-2.0

#include "durable/puller.h"

#include <fmt/format.h>

#include <memory>
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
  if (waiting_ || asked_ >= wanted_) return;
  if (asked_ == 0) {
    heard_ = Clock::now();
    Watch();
  }
  for (; asked_ < wanted_; ++asked_) {
    auto pull = std::make_unique<PlainPublication>(
        fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", source_.stream, source_.consumer),
        fmt::format(R"({{"batch":1,"expires":{},"idle_heartbeat":{}}})", Ns(kExpires),
                    Ns(kHeartbeat)));
    pull->set_reply(source_.inbox);
    publisher_.Publish(std::move(pull));
  }
}

void Puller::OnMessage(Message message) {
  heard_ = Clock::now();
  const auto status = message.Header("Status");
  if (status == "100") return;  // the server is there
  if (asked_ > 0) --asked_;
  if (!status) {
    // Whoever takes it says what is wanted from here on.
    if (wanted_ > 0) --wanted_;
    on_job_(std::move(message));
    return;
  }
  if (status == "404" || status == "408") {
    Ask();
  } else {
    AskLater();
  }
}

void Puller::AskLater() {
  if (std::exchange(waiting_, true)) return;
  later_.expires_after(kPause);
  later_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    waiting_ = false;
    Ask();
  });
}

void Puller::Watch() {
  watch_.expires_after(kSilence);
  watch_.async_wait([this](const boost::system::error_code& error) {
    if (error || asked_ == 0) return;
    if (Clock::now() - heard_ >= kSilence) {
      asked_ = 0;
      Ask();
      return;
    }
    Watch();
  });
}

}  // namespace darkroom
