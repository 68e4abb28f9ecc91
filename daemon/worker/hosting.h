// SPDX-License-Identifier: Apache-2.0
//
// Hosting keeps one generation of a plugin open on one device: for good, or while somebody has
// something loaded there. It has it opened, is told when the
// process it runs in is lost, and has it opened again: at once, unless that happens again and
// again; then later and later (the circuit breaker), so that a plugin that only crashes does not
// keep the machine busy with starting it.
//
// For the io_context's thread. Users leave before it is destroyed.

#ifndef DARKROOM_WORKER_HOSTING_H_
#define DARKROOM_WORKER_HOSTING_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "worker/hosted_plugin.h"

namespace darkroom {

enum class HostingState : uint8_t {
  kAsleep,  // opened when it is wanted
  kOpening,
  kOpen,
  kBackingOff,
  kFallingAsleep,
  kFailed,
  kClosed,
};

std::string_view HostingStateName(HostingState state);

// Who has an instance of the plugin there.
class HostingUser {
 public:
  virtual ~HostingUser() = default;
  virtual void OnHosted() = 0;  // open, for the first time or again
  // It could not be opened, or is lost: instances have heard OnLost before. OK: it falls asleep,
  // and the instance must go.
  virtual void OnNotHosted(const Status& why) = 0;
  // Whether it has nothing loaded there, nor will have soon.
  virtual bool IsIdle() const = 0;
};

class Hosting {
 public:
  using Clock = std::chrono::steady_clock;

  // `name` is for logs. `on_changed` is called after each change of the state. `host` outlives
  // this.
  Hosting(boost::asio::io_context& io, PluginHost& host, PluginToOpen plugin, std::string name,
          Logger& log, std::function<void()> on_changed);
  ~Hosting();
  Hosting(const Hosting&) = delete;
  Hosting& operator=(const Hosting&) = delete;

  void Open();                        // and keeps it open; once
  void StayOpen() { stays_ = true; }  // once it is woken
  // Opens it, if it is asleep: a plugin that is open elsewhere, so that a failure is not its own.
  // It stays open until FallAsleepIfIdle finds nobody who needs it.
  void WakeUp();
  void FallAsleepIfIdle();  // soon
  bool asleep() const {
    return state_ == HostingState::kAsleep || state_ == HostingState::kFallingAsleep;
  }

  // Ends the plugin, whose instances are gone, for good. `done` is told what is left of it.
  void Close(std::function<void(CloseOutcome)> done);

  // False: it runs in the daemon.
  bool Kill(const Status& why) { return plugin_ != nullptr && plugin_->Kill(why); }

  void Join(HostingUser* user);
  void Leave(HostingUser* user);

  HostedPlugin* plugin() { return plugin_.get(); }  // nullptr unless open
  HostingState state() const { return state_; }
  const Status& error() const { return error_; }  // of the last failure or loss
  uint64_t crashes() const { return crashes_; }
  // When it will be opened again, while it backs off.
  Clock::time_point again_at() const { return again_at_; }
  pid_t pid() const { return plugin_ == nullptr ? 0 : plugin_->pid(); }

  // How long to wait after so many losses within a minute.
  static std::chrono::milliseconds DelayAfter(size_t recent_crashes);

 private:
  void OpenNow();
  void OnOpened(Result<std::unique_ptr<HostedPlugin>> opened);
  void OnLost(const Status& why);
  void TryAgain();
  void FallAsleep();
  void ClosePlugin(std::function<void(CloseOutcome)> done);
  void SetState(HostingState state);
  void TellUsers(const Status& why);

  boost::asio::io_context& io_;
  PluginHost& host_;
  const PluginToOpen to_open_;
  const std::string name_;
  Logger& log_;
  const std::function<void()> on_changed_;
  boost::asio::steady_timer again_;
  Clock::time_point again_at_{};
  HostingState state_ = HostingState::kAsleep;
  bool opened_once_ = false;
  bool stays_ = false;
  bool woken_ = false;                            // while it fell asleep
  std::function<void(CloseOutcome)> then_close_;  // was asked for while it fell asleep
  Status error_;
  uint64_t crashes_ = 0;
  std::deque<Clock::time_point> recent_;  // crashes of the last minute
  std::vector<HostingUser*> users_;
  std::unique_ptr<HostedPlugin> plugin_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_HOSTING_H_
