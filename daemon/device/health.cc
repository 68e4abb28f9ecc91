// SPDX-License-Identifier: Apache-2.0

#include "device/health.h"

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(1000);
constexpr auto kLongestPause = std::chrono::milliseconds(60'000);

}  // namespace

std::string_view HealthStateName(HealthState state) {
  switch (state) {
    case HealthState::kHealthy:
      return "healthy";
    case HealthState::kSuspected:
      return "suspected";
    case HealthState::kQuarantined:
      return "quarantined";
  }
  return "unknown";
}

std::chrono::milliseconds Health::PauseAfter(uint32_t failures) {
  const uint32_t doublings = std::min<uint32_t>(std::max<uint32_t>(failures, 1) - 1, 16);
  return std::min(kFirstPause * (int64_t{1} << doublings), kLongestPause);
}

void Health::Begin(std::chrono::milliseconds interval, Time now) {
  interval_ = interval;
  since_ = now;
  probe_at_ = now;
}

bool Health::Become(HealthState state, const Status& why, Time now) {
  why_ = why;
  if (state_ == state) return false;
  const bool was_usable = usable();
  state_ = state;
  // A suspicion that proves true began when it arose.
  if (was_usable || usable()) since_ = now;
  return true;
}

bool Health::OnLost(const Status& why, Time now) {
  ++losses_;
  if (state_ == HealthState::kQuarantined) return false;
  outdated_ = probing_;
  probe_at_ = now;
  return Become(HealthState::kSuspected, why, now);
}

bool Health::OnLostForGood(const Status& why, Time now) {
  ++losses_;
  for_good_ = true;
  settled_ = true;
  probe_at_.reset();
  return Become(HealthState::kQuarantined, why, now);
}

void Health::Answered(Time now) {
  settled_ = true;
  failures_ = 0;
  probe_at_.reset();
  if (interval_.count() > 0) probe_at_ = now + interval_;
}

bool Health::OnProbed(const Status& outcome, Time now) {
  probing_ = false;
  const bool outdated = std::exchange(outdated_, false);
  if (for_good_) return false;
  if (outcome.ok()) {
    if (outdated) return false;  // and the next is due
    Answered(now);
    return Become(HealthState::kHealthy, Status::Ok(), now);
  }
  if (state_ == HealthState::kHealthy) {
    probe_at_ = now;
    return Become(HealthState::kSuspected, outcome, now);
  }
  settled_ = true;
  probe_at_ = now + PauseAfter(++failures_);
  return Become(HealthState::kQuarantined, outcome, now);
}

std::optional<Health::Time> NoneUsableSince(const std::vector<const Health*>& devices) {
  std::optional<Health::Time> last;
  for (const Health* one : devices) {
    if (one->usable()) return std::nullopt;
    last = std::max(last.value_or(one->since()), one->since());
  }
  return last;
}

}  // namespace darkroom
