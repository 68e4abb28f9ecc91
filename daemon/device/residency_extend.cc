// SPDX-License-Identifier: Apache-2.0
//
// What is loaded, or being loaded, and wants more memory than it was thought to need.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/units.h"
#include "device/residency.h"

namespace darkroom {

Status Residency::NoRoom(const Entry& entry, uint64_t bytes) {
  const Ledger& ledger = *entry.spec.ledger;
  return {Code::kResourceExhausted,
          fmt::format("there is no room for '{}', which needs {}: {} of {} are leased to models "
                      "that cannot be evicted",
                      entry.spec.model->config.name, FormatSize(bytes), FormatSize(ledger.leased()),
                      FormatSize(ledger.budget())),
          "darkroom ps says who holds what; unload something, or give the device more memory"};
}

void Residency::Extend(Place* place, uint64_t bytes, Time now, Answer answer) {
  Entry& entry = EntryOf(place);
  Ledger* const ledger = entry.spec.ledger;
  // What has been made room for is not for others.
  if (!HasAwaiting(ledger) && ledger->Fits(bytes)) {
    Lease(&entry, bytes);
    entry.spec.bytes += bytes;
    answer(Status::Ok());
    return;
  }
  const auto room = HasAwaiting(ledger) ? std::nullopt : RoomFor(entry, bytes, nullptr, now);
  if (!room) {
    Refuse(&entry, bytes, answer);
    return;
  }
  extensions_.push_back({&entry, bytes, std::move(answer)});
  Evict(*room, now);
}

void Residency::GoOnWithExtensions() {
  for (size_t i = 0; i < extensions_.size();) {
    Extension& one = extensions_[i];
    Ledger* const ledger = one.entry->spec.ledger;
    const bool fits = ledger->Fits(one.bytes);
    if (!fits && AnyLeaves(ledger)) {
      ++i;
      continue;
    }
    const Extension ended = std::move(one);
    extensions_.erase(extensions_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!fits) {
      Refuse(ended.entry, ended.bytes, ended.answer);
      continue;
    }
    Lease(ended.entry, ended.bytes);
    ended.entry->spec.bytes += ended.bytes;
    ended.answer(Status::Ok());
  }
}

// What is being loaded may be loaded again once there is room for all that it wants.
void Residency::Refuse(Entry* entry, uint64_t bytes, const Answer& answer) {
  const Ledger& ledger = *entry->spec.ledger;
  const Status why = NoRoom(*entry, bytes);
  if (entry->state == State::kLoading && bytes <= ledger.budget() - entry->spec.bytes) {
    entry->spec.bytes += bytes;
    entry->refused = true;
  }
  answer(why);
}

bool Residency::Grow(Place* place, Time now) {
  Entry& entry = EntryOf(place);
  const uint64_t budget = entry.spec.ledger->budget();
  if (entry.state == State::kLeaving) return true;  // for the sake of another job
  if (entry.state != State::kReady || budget == 0 || entry.spec.bytes >= budget) return false;
  const uint64_t more = std::max(entry.spec.bytes / 2, budget / 8);
  entry.spec.bytes = std::min(budget, entry.spec.bytes + more);
  entry.state = State::kLeaving;
  entry.left_at = now;
  place->Leave();
  return true;
}

}  // namespace darkroom
