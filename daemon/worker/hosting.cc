// SPDX-License-Identifier: Apache-2.0

#include "worker/hosting.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace darkroom {
namespace {

constexpr auto kRecent = std::chrono::minutes(1);
// A crash or two are a job's fault as often as the plugin's: the slot is wanted back at once.
constexpr size_t kForgiven = 3;
constexpr auto kFirstDelay = std::chrono::milliseconds(1000);
constexpr auto kLongestDelay = std::chrono::milliseconds(60'000);

}  // namespace

std::string_view HostingStateName(HostingState state) {
  switch (state) {
    case HostingState::kAsleep:
      return "asleep";
    case HostingState::kOpening:
      return "opening";
    case HostingState::kOpen:
      return "open";
    case HostingState::kBackingOff:
      return "backing off";
    case HostingState::kFallingAsleep:
      return "falling asleep";
    case HostingState::kFailed:
      return "failed";
    case HostingState::kClosed:
      return "closed";
  }
  return "unknown";
}

Hosting::Hosting(boost::asio::io_context& io, PluginHost& host, PluginToOpen plugin,
                 std::string name, Logger& log, std::function<void()> on_changed)
    : io_(io),
      host_(host),
      to_open_(std::move(plugin)),
      name_(std::move(name)),
      log_(log),
      on_changed_(std::move(on_changed)),
      again_(io) {}

Hosting::~Hosting() { *alive_ = false; }

std::chrono::milliseconds Hosting::DelayAfter(size_t recent_crashes) {
  if (recent_crashes <= kForgiven) return std::chrono::milliseconds(0);
  const size_t doublings = std::min<size_t>(recent_crashes - kForgiven - 1, 16);
  return std::min(kFirstDelay * (int64_t{1} << doublings), kLongestDelay);
}

void Hosting::Open() {
  StayOpen();
  OpenNow();
}

void Hosting::WakeUp() {
  woken_ = state_ == HostingState::kFallingAsleep;
  if (state_ != HostingState::kAsleep) return;
  opened_once_ = true;
  OpenNow();
}

void Hosting::FallAsleepIfIdle() {
  if (stays_) return;
  boost::asio::post(io_, [this, alive = alive_] {
    if (!*alive || state_ != HostingState::kOpen) return;
    if (std::all_of(users_.begin(), users_.end(),
                    [](const HostingUser* user) { return user->IsIdle(); })) {
      FallAsleep();
    }
  });
}

void Hosting::FallAsleep() {
  SetState(HostingState::kFallingAsleep);
  TellUsers(Status::Ok());
  ClosePlugin([this, alive = alive_](CloseOutcome outcome) {
    if (!*alive) return;
    if (then_close_) {
      then_close_(outcome);
      return;
    }
    SetState(HostingState::kAsleep);
    if (std::exchange(woken_, false)) OpenNow();
  });
}

void Hosting::OpenNow() {
  SetState(HostingState::kOpening);
  host_.Open(
      to_open_,
      [this, alive = alive_](Result<std::unique_ptr<HostedPlugin>> opened) {
        if (*alive && state_ != HostingState::kClosed) OnOpened(std::move(opened));
      },
      [this, alive = alive_](const Status& why) {
        if (*alive) OnLost(why);
      });
}

void Hosting::OnOpened(Result<std::unique_ptr<HostedPlugin>> opened) {
  if (!opened.ok()) {
    error_ = opened.status();
    // A worker that others share may have been lost for one of them.
    const bool others = error_.code() == Code::kInstanceLost && recent_.size() < kForgiven;
    if (opened_once_ || others) {
      TryAgain();
    } else {
      // A plugin that never opened will not by trying; whoever brought it is told.
      SetState(HostingState::kFailed);
      TellUsers(error_);
    }
    return;
  }
  plugin_ = std::move(*opened);
  opened_once_ = true;
  SetState(HostingState::kOpen);
  const std::vector<HostingUser*> told = users_;
  for (HostingUser* user : told) user->OnHosted();
}

void Hosting::OnLost(const Status& why) {
  // It goes when its instances have, whose owners are told below.
  const std::unique_ptr<HostedPlugin> lost = std::move(plugin_);
  if (state_ == HostingState::kClosed) return;
  error_ = why;
  TryAgain();
}

void Hosting::TryAgain() {
  const auto now = Clock::now();
  ++crashes_;
  recent_.push_back(now);
  while (now - recent_.front() > kRecent) recent_.pop_front();
  const auto delay = DelayAfter(recent_.size());
  again_at_ = now + delay;
  log_.error("{}: {}; started again {}", name_, error_.ToString(),
             delay.count() == 0 ? "at once" : fmt::format("in {} s", delay.count() / 1000));
  SetState(delay.count() == 0 ? HostingState::kOpening : HostingState::kBackingOff);
  TellUsers(error_);
  again_.expires_after(delay);
  again_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive && state_ != HostingState::kClosed) OpenNow();
  });
}

void Hosting::Close(std::function<void(CloseOutcome)> done) {
  again_.cancel();
  const bool falls_asleep = state_ == HostingState::kFallingAsleep;
  SetState(HostingState::kClosed);
  if (falls_asleep) {
    then_close_ = std::move(done);
  } else if (plugin_ == nullptr) {
    boost::asio::post(io_, [done = std::move(done)] { done({}); });
  } else {
    ClosePlugin(std::move(done));
  }
}

void Hosting::ClosePlugin(std::function<void(CloseOutcome)> done) {
  auto told = std::make_shared<std::function<void(CloseOutcome)>>(std::move(done));
  plugin_->Close([this, alive = alive_, told](CloseOutcome outcome) {
    // The plugin is in the middle of telling this.
    if (*alive) {
      boost::asio::post(io_, [plugin = std::shared_ptr<HostedPlugin>(std::move(plugin_))] {});
    }
    (*told)(outcome);
  });
}

void Hosting::Join(HostingUser* user) {
  users_.push_back(user);
  if (state_ == HostingState::kOpen) user->OnHosted();
}

void Hosting::Leave(HostingUser* user) {
  users_.erase(std::remove(users_.begin(), users_.end(), user), users_.end());
}

void Hosting::SetState(HostingState state) {
  state_ = state;
  on_changed_();
}

void Hosting::TellUsers(const Status& why) {
  const std::vector<HostingUser*> told = users_;
  for (HostingUser* user : told) user->OnNotHosted(why);
}

}  // namespace darkroom
