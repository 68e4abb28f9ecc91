// SPDX-License-Identifier: Apache-2.0
//
// Health says whether one device can be used, by what is reported of it and by what probes of it
// answered. A device that somebody has lost is suspected: nothing new begins there, and a probe is
// due at once. If that fails, too, it is quarantined, and probed again and again with growing
// pauses, until it answers; then it is healthy by itself. A probe that fails while nothing was
// reported makes the device suspected in the same way, so that a single slow answer ends nothing.
//
// A pure decider for the io_context's thread, as Residency is: it keeps no time and starts nothing.
// docs/health.md tells the rules.

#ifndef DARKROOM_DEVICE_HEALTH_H_
#define DARKROOM_DEVICE_HEALTH_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

enum class HealthState : uint8_t { kHealthy, kSuspected, kQuarantined };

std::string_view HealthStateName(HealthState state);

class Health {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Healthy until it is known to be otherwise, and never probed but for what is reported.
  Health() = default;

  // From here on it is probed: now, and every `interval` while it is healthy; 0: not then.
  void Begin(std::chrono::milliseconds interval, Time now);

  // Something that ran there says that the device is lost. True: its state is another now.
  bool OnLost(const Status& why, Time now);
  // This process itself has lost it: no probe can mend that, but a start of the daemon.
  bool OnLostForGood(const Status& why, Time now);

  // When it is to be probed; nothing while a probe is out, or if none is due ever.
  std::optional<Time> probe_at() const { return probing_ ? std::nullopt : probe_at_; }
  void OnProbing() { probing_ = true; }
  // True: its state is another now.
  bool OnProbed(const Status& outcome, Time now);

  HealthState state() const { return state_; }
  bool usable() const { return state_ == HealthState::kHealthy; }
  // Whether it is known how it is: a probe has answered, or two have not.
  bool settled() const { return settled_; }
  const Status& why() const { return why_; }  // it is not healthy
  Time since() const { return since_; }       // it is not healthy, or healthy again
  uint64_t losses() const { return losses_; }

  // How long to wait after so many probes in a row that a quarantined device did not answer.
  static std::chrono::milliseconds PauseAfter(uint32_t failures);

 private:
  bool Become(HealthState state, const Status& why, Time now);
  void Answered(Time now);

  HealthState state_ = HealthState::kHealthy;
  std::chrono::milliseconds interval_{0};
  Status why_;
  Time since_{};
  std::optional<Time> probe_at_;
  bool probing_ = false;
  bool outdated_ = false;  // the probe that is out began before a loss, so it says nothing of it
  bool for_good_ = false;
  bool settled_ = false;
  uint32_t failures_ = 0;  // probes in quarantine
  uint64_t losses_ = 0;    // reported
};

// Since when none of these can be used; nothing if one can.
std::optional<Health::Time> NoneUsableSince(const std::vector<const Health*>& devices);

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_HEALTH_H_
