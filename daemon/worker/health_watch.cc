// SPDX-License-Identifier: Apache-2.0

#include "worker/health_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/units.h"

namespace darkroom {
namespace {

// What models run on for the sake of its speed, or stands in for that.
bool IsAccelerator(const Device& device) {
  return device.error.ok() && (device.kind == DeviceKind::kCuda || device.simulated);
}

}  // namespace

HealthWatch::Watched::Watched(const Parts& parts, const Device& its_device, bool it_counts)
    : device(&its_device),
      health(&parts.pool.HealthOf(its_device)),
      counts(it_counts),
      probe(parts.io, its_device, parts.worker_program, parts.state_dir / "sim",
            parts.config.probe_timeout),
      timer(parts.io) {}

HealthWatch::HealthWatch(Parts parts) : parts_(std::move(parts)) {
  const std::vector<Device>& devices = parts_.pool.devices();
  // Beside GPUs the CPU is for what cannot use one: that it computes says nothing of them.
  const bool accelerated = std::any_of(devices.begin(), devices.end(), IsAccelerator);
  for (const Device& device : devices) {
    if (!device.error.ok()) continue;  // it is not there
    watched_.push_back(
        std::make_unique<Watched>(parts_, device, IsAccelerator(device) == accelerated));
  }
  parts_.pool.WatchLosses([this](const Device& device) { OnLoss(device); });
}

void HealthWatch::Start() {
  const auto now = Job::Clock::now();
  for (const auto& one : watched_) {
    // The CPU runs this very code.
    const bool again = IsAccelerator(*one->device);
    one->health->Begin(again ? parts_.config.probe_interval : std::chrono::milliseconds(0), now);
    Schedule(one.get());
  }
}

void HealthWatch::OnLoss(const Device& device) {
  const auto one = std::find_if(watched_.begin(), watched_.end(),
                                [&](const auto& watched) { return watched->device == &device; });
  Act(one->get());
}

void HealthWatch::Schedule(Watched* one) {
  one->timer.cancel();
  const auto at = one->health->probe_at();
  if (!at) return;
  one->timer.expires_at(*at);
  one->timer.async_wait([this, one](const boost::system::error_code& error) {
    // It may have been put off when this was on its way already.
    if (!error && one->health->probe_at()) StartProbe(one);
  });
}

void HealthWatch::StartProbe(Watched* one) {
  one->health->OnProbing();
  one->probe.Start([this, one](const Status& outcome) {
    one->health->OnProbed(outcome, Job::Clock::now());
    Act(one);
  });
}

// Whatever has become of its health is made true here, and only here.
void HealthWatch::Act(Watched* one) {
  Schedule(one);
  const HealthState state = one->health->state();
  const bool changed = std::exchange(one->acted_on, state) != state;
  if (changed) {
    Log(*one);
    parts_.pool.LedgerOf(*one->device).SetOpen(one->health->usable());
    for (const auto& lane : parts_.lanes) {
      if (&lane->device() == one->device) lane->OnHealthChanged();
    }
    if (state == HealthState::kQuarantined) EndWorkers(*one);
    parts_.pool.Touch();
  }
  const bool settled = one->health->settled();
  if (std::exchange(one->told_settled, settled) != settled || changed) parts_.on_changed();
}

void HealthWatch::EndWorkers(const Watched& one) {
  const Status why(Code::kDeviceLost, fmt::format("{} does not answer: {}", one.device->id,
                                                  one.health->why().message()));
  for (const auto& lane : parts_.lanes) {
    if (&lane->device() != one.device) continue;
    for (const auto& [slot, serves, home] : lane->Slots()) {
      // One that has loaded nothing yet has lost nothing.
      if (slot->loaded() || slot->state() == SlotState::kLoading) slot->hosting().Kill(why);
    }
  }
}

void HealthWatch::Log(const Watched& one) const {
  const Health& health = *one.health;
  const std::string& id = one.device->id;
  switch (health.state()) {
    case HealthState::kHealthy:
      parts_.log.info("{}: answers; it is used again", id);
      break;
    case HealthState::kSuspected:
      parts_.log.error("{}: {}; nothing begins there until it has answered a probe", id,
                       health.why().message());
      break;
    case HealthState::kQuarantined:
      parts_.log.error("{}: {}; quarantined{}", id, health.why().message(),
                       health.probe_at() ? " until it answers" : " until the daemon is restarted");
      break;
  }
}

bool HealthWatch::ready() const {
  const bool settled = std::all_of(watched_.begin(), watched_.end(),
                                   [](const auto& one) { return one->health->settled(); });
  const bool usable = std::any_of(watched_.begin(), watched_.end(), [](const auto& one) {
    return one->counts && one->health->usable();
  });
  // Where none is there that could be asked, the daemon is there to say so.
  return settled && (usable || watched_.empty());
}

bool HealthWatch::all_healthy() const {
  return std::all_of(watched_.begin(), watched_.end(),
                     [](const auto& one) { return one->health->usable(); });
}

bool HealthWatch::hopeful(Health::Time now) const {
  if (parts_.config.give_up.count() == 0) return true;
  std::vector<const Health*> counting;
  for (const auto& one : watched_) {
    if (one->counts) counting.push_back(one->health);
  }
  const auto since = NoneUsableSince(counting);
  return !since || now - *since < parts_.config.give_up;
}

std::string HealthWatch::Summary() const {
  std::string text;
  for (const auto& one : watched_) {
    if (one->health->usable()) continue;
    text += fmt::format("{}{} is {}: {}", text.empty() ? "" : "; ", one->device->id,
                        HealthStateName(one->health->state()), one->health->why().message());
  }
  return text;
}

}  // namespace darkroom
