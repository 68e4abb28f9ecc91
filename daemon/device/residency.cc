// SPDX-License-Identifier: Apache-2.0

#include "device/residency.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/times.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;

// A need that could not be met is looked at again after this, besides whenever something changes.
constexpr auto kLookAgain = milliseconds(50);
// After so long a use counts half.
constexpr double kHalfLifeS = 300;

// How much something was used of late: each use counts, and less the longer ago it was.
double Decayed(double uses, Job::Clock::duration since) {
  return uses * std::exp2(-Ms(since) / 1000 / kHalfLifeS);
}

}  // namespace

Residency::Entry& Residency::EntryOf(const Place* place) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [place](const auto& one) { return one->place == place; });
  assert(found != entries_.end());
  return **found;
}

void Residency::Add(Place* place, const Spec& spec) {
  auto entry = std::make_unique<Entry>();
  entry->place = place;
  entry->spec = spec;
  entries_.push_back(std::move(entry));
}

void Residency::Remove(Place* place) {
  Serve(place, false);
  Entry& entry = EntryOf(place);
  entry.spec.ledger->Release(place);
  std::erase_if(extensions_, [&entry](const Extension& one) { return one.entry == &entry; });
  entries_.erase(std::find_if(entries_.begin(), entries_.end(),
                              [place](const auto& one) { return one->place == place; }));
}

void Residency::Serve(Place* place, bool serves) {
  Entry& entry = EntryOf(place);
  if (entry.serves == serves) return;
  entry.serves = serves;
  entry.spec.model->places += serves ? 1 : -1U;
}

void Residency::OnLoaded(Place* place, double load_ms, Time now) {
  Entry& entry = EntryOf(place);
  entry.state = State::kReady;
  entry.wanted = false;
  entry.load_ms = load_ms;
  entry.ready_at = now;
  // Loading is no use, yet it was loaded for one.
  entry.uses = Decayed(entry.uses, now - entry.used_at) + 1;
  entry.used_at = now;
}

bool Residency::OnFailed(Place* place) {
  OnUnloaded(place);
  Entry& entry = EntryOf(place);
  if (std::exchange(entry.refused, false)) return true;
  entry.wanted = false;
  return false;
}

void Residency::OnUnloaded(Place* place) {
  Entry& entry = EntryOf(place);
  entry.spec.ledger->Release(place);
  entry.state = State::kUnloaded;
  entry.batches = 0;
}

void Residency::OnLost(Place* place) {
  OnUnloaded(place);
  Entry& entry = EntryOf(place);
  entry.wanted = false;
  entry.refused = false;
  entry.state = State::kAbsent;
  std::erase_if(extensions_, [&entry](const Extension& one) { return one.entry == &entry; });
}

void Residency::OnBatches(Place* place, uint32_t batches, Time now) {
  Entry& entry = EntryOf(place);
  const double begun = batches > entry.batches ? 1 : 0;
  entry.uses = Decayed(entry.uses, now - entry.used_at) + begun;
  entry.used_at = now;
  entry.batches = batches;
}

Status Residency::Want(Place* place, Time now) {
  Entry& entry = EntryOf(place);
  const bool open = entry.spec.ledger->open();
  entry.wanted = entry.state == State::kLeaving || (entry.state == State::kUnloaded && !open);
  if (entry.state != State::kUnloaded || !open) return Status::Ok();
  const auto plan = PlanFor(&entry, nullptr, now);
  if (!plan) return NoRoom(entry, entry.spec.bytes);
  entry.wanted = true;
  CarryOut(*plan, now);
  return Status::Ok();
}

void Residency::Lease(Entry* entry, uint64_t bytes) {
  const bool leased = entry->spec.ledger->Lease(entry->place, bytes);
  assert(leased);
  static_cast<void>(leased);
}

// Those that were to be loaded when something came between.
void Residency::LoadWanted(Time now, std::optional<Time>* next) {
  for (const auto& entry : entries_) {
    if (!entry->wanted || entry->state != State::kUnloaded) continue;
    if (!entry->spec.ledger->open()) continue;
    if (const auto plan = PlanFor(entry.get(), nullptr, now)) {
      CarryOut(*plan, now);
    } else {
      SetEarlier(next, now + kLookAgain);
    }
  }
}

Residency::LaneUse Residency::UseOf(const void* lane) const {
  LaneUse use;
  for (const auto& entry : entries_) {
    if (entry->spec.lane != lane) continue;
    use.busy = use.busy || entry->batches > 0;
    if (entry->state == State::kReady || entry->state == State::kLoading) ++use.ready;
  }
  return use;
}

Residency::Spread Residency::SpreadOf(const Model& model) const {
  Spread spread;
  for (const auto& entry : entries_) {
    if (entry->spec.model != &model || !entry->serves || !entry->spec.ledger->open()) continue;
    spread.load_ms = std::max(spread.load_ms, entry->load_ms);
    if (entry->missed_since) SetEarlier(&spread.missed_since, *entry->missed_since);
    if (entry->state == State::kAwaiting || entry->state == State::kLoading) spread.coming = true;
    if (entry->state != State::kReady) continue;
    ++spread.ready;
    if (!UseOf(entry->spec.lane).busy) spread.at_hand = true;
  }
  return spread;
}

// More waits than the places that it has can begin with.
bool Residency::IsBacklogged(const Model& model) const {
  if (model.queue.empty()) return false;
  const Spread spread = SpreadOf(model);
  return spread.ready > 0 && !model.IsFull(spread.ready) && !spread.coming && !spread.at_hand;
}

void Residency::NoteBacklogs(Time now) {
  for (const auto& entry : entries_) {
    const bool missed =
        entry->serves && entry->state == State::kUnloaded && IsBacklogged(*entry->spec.model);
    if (!missed) {
      entry->missed_since.reset();
    } else if (!entry->missed_since) {
      entry->missed_since = now;
    }
  }
}

bool Residency::NeedsPlace(const Model& model, Time now, bool* later) const {
  const Spread spread = SpreadOf(model);
  if (spread.coming) return false;  // it may be enough
  if (spread.ready == 0) return true;
  if (model.IsFull(spread.ready)) return false;
  *later = true;
  if (spread.at_hand) return false;
  // Another place is worth its loading if what waits would take longer than that where it is now,
  // or has waited for as long, since others' jobs have the lane. A queue that is short, as it must
  // be where callers wait, never holds so much; then it is worth it once it was missed as long.
  const double wait_ms =
      std::max(model.times.job_ms() * static_cast<double>(model.queue.size()) / spread.ready,
               Ms(now - model.queue.Oldest()->accepted));
  const double missed_ms = spread.missed_since ? Ms(now - *spread.missed_since) : 0;
  return std::max(wait_ms, missed_ms) > 2 * spread.load_ms;
}

// Its jobs have waited so long that it is their turn, whatever is more urgent.
bool Residency::Bypassed(const Need& need, Time now) const {
  return !need.elsewhere && now - need.since >= patience_;
}

std::vector<Residency::Need> Residency::Needs(Time now, bool* later) const {
  std::vector<Need> needs;
  for (const auto& entry : entries_) {
    const Model& model = *entry->spec.model;
    if (!entry->serves || entry->state != State::kUnloaded || model.queue.empty()) continue;
    if (!entry->spec.ledger->open()) continue;
    const bool known = std::any_of(needs.begin(), needs.end(),
                                   [&model](const Need& need) { return need.model == &model; });
    if (known || !NeedsPlace(model, now, later)) continue;
    Need need{&model, model.queue.lines().front().job_class, model.queue.Oldest()->accepted, false};
    for (const auto& other : entries_) {
      if (other->spec.model != &model || !other->serves) continue;
      need.since = std::max(need.since, other->left_at);
      need.elsewhere = need.elsewhere || other->state == State::kReady;
    }
    needs.push_back(need);
  }
  std::sort(needs.begin(), needs.end(), [this, now](const Need& a, const Need& b) {
    const bool turn_a = Bypassed(a, now);
    const bool turn_b = Bypassed(b, now);
    if (turn_a != turn_b) return turn_a;
    if (turn_a) return a.since < b.since;
    return a.job_class != b.job_class ? a.job_class < b.job_class : a.since < b.since;
  });
  return needs;
}

bool Residency::HasAwaiting(const Ledger* ledger) const {
  const auto of_ledger = [ledger](const Entry& entry) { return entry.spec.ledger == ledger; };
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& entry) {
                       return of_ledger(*entry) && entry->state == State::kAwaiting;
                     }) ||
         std::any_of(extensions_.begin(), extensions_.end(),
                     [&](const Extension& one) { return of_ledger(*one.entry); });
}

bool Residency::MayEvict(const Entry& victim, const Need* need, const Model& for_model,
                         Time now) const {
  const Model& model = *victim.spec.model;
  if (&model == &for_model) return false;
  if (victim.state != State::kReady || victim.spec.bytes == 0) return false;
  if (model.config.keep_alive == ModelConfig::kAlways) return false;
  const bool waited_for = victim.serves && !model.queue.empty();
  if (victim.batches == 0 && !waited_for) {
    if (need == nullptr || need->job_class == JobClass::kInteractive) return true;
    if (Bypassed(*need, now)) return true;
    // What was used just now will be used again soon; not to have to load it again is worth some
    // waiting.
    return Ms(now - victim.used_at) >= std::min<double>(Ms(patience_), victim.load_ms);
  }
  if (need == nullptr) return false;
  // It runs for as long as it took to load, so that no device does little else than load.
  if (Ms(now - victim.ready_at) < std::min<double>(Ms(patience_), victim.load_ms)) return false;
  const JobClass its_class = waited_for ? model.queue.lines().front().job_class : JobClass::kBulk;
  if (need->job_class < its_class) return true;
  return Bypassed(*need, now) && now - victim.ready_at >= patience_;
}

std::optional<Residency::Room> Residency::RoomFor(const Entry& entry, uint64_t bytes,
                                                  const Need* need, Time now) const {
  const Ledger* const ledger = entry.spec.ledger;
  std::vector<std::pair<double, Entry*>> candidates;
  for (const auto& other : entries_) {
    if (other->spec.ledger != ledger || !MayEvict(*other, need, *entry.spec.model, now)) continue;
    const double uses = Decayed(other->uses, now - other->used_at);
    candidates.emplace_back(other->load_ms * uses / static_cast<double>(other->spec.bytes),
                            other.get());
  }
  std::sort(candidates.begin(), candidates.end());
  Room room;
  uint64_t free = ledger->budget() - ledger->leased();
  for (const auto& [worth, victim] : candidates) {
    if (free >= bytes) break;
    free += victim->spec.bytes;
    room.victims.push_back(victim);
    room.worth += worth * static_cast<double>(victim->spec.bytes);
  }
  if (free < bytes) return std::nullopt;
  // The last ones may have made the first unnecessary.
  for (size_t i = 0; i < room.victims.size();) {
    const uint64_t given = room.victims[i]->spec.bytes;
    if (free - given < bytes) {
      ++i;
      continue;
    }
    free -= given;
    room.victims.erase(room.victims.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return room;
}

std::optional<Residency::Plan> Residency::PlanFor(Entry* entry, const Need* need, Time now) const {
  Plan plan{entry, {}, UseOf(entry->spec.lane)};
  if (!entry->spec.ledger->open()) return std::nullopt;
  const uint64_t bytes = entry->spec.bytes;
  if (bytes == 0) return plan;
  // What has been made room for is not for others.
  if (HasAwaiting(entry->spec.ledger)) return std::nullopt;
  if (entry->spec.ledger->Fits(bytes)) return plan;
  auto room = RoomFor(*entry, bytes, need, now);
  if (!room) return std::nullopt;
  plan.room = *std::move(room);
  return plan;
}

bool Residency::Meet(const Need& need, Time now) {
  std::optional<Plan> best;
  for (const auto& entry : entries_) {
    if (entry->spec.model != need.model || !entry->serves || entry->state != State::kUnloaded) {
      continue;
    }
    auto plan = PlanFor(entry.get(), &need, now);
    if (!plan) continue;
    const auto rank = [](const Plan& one) {
      const Ledger& ledger = *one.entry->spec.ledger;
      const double used =
          static_cast<double>(ledger.leased()) - static_cast<double>(ledger.budget());
      return std::tuple(one.room.worth, one.lane.busy, one.entry->place->IsCold(), used,
                        one.lane.ready);
    };
    const bool better = !best || rank(*plan) < rank(*best);
    if (better) best = std::move(plan);
  }
  if (best) CarryOut(*best, now);
  return best.has_value();
}

void Residency::CarryOut(const Plan& plan, Time now) {
  if (plan.room.victims.empty()) {
    Start(plan.entry);
    return;
  }
  plan.entry->state = State::kAwaiting;
  Evict(plan.room, now);
}

void Residency::Evict(const Room& room, Time now) {
  for (Entry* victim : room.victims) {
    ++evictions_;
    victim->left_at = now;
    victim->state = State::kLeaving;
    victim->place->Leave();
  }
}

void Residency::Start(Entry* entry) {
  Lease(entry, entry->spec.bytes);
  ++loads_;
  entry->state = State::kLoading;
  entry->place->Load();
}

bool Residency::AnyLeaves(const Ledger* ledger) const {
  return std::any_of(entries_.begin(), entries_.end(), [ledger](const auto& one) {
    return one->spec.ledger == ledger && one->state == State::kLeaving;
  });
}

void Residency::GoOnWithAwaiting() {
  for (const auto& entry : entries_) {
    if (entry->state != State::kAwaiting) continue;
    const Ledger* const ledger = entry->spec.ledger;
    if (!ledger->open()) {
      entry->state = State::kUnloaded;
      continue;
    }
    if (ledger->Fits(entry->spec.bytes)) {
      Start(entry.get());
    } else if (!AnyLeaves(ledger)) {
      entry->state = State::kUnloaded;  // something else has changed: it is planned anew
    }
  }
}

std::optional<Residency::Time> Residency::LetIdleOnesGo(Time now) {
  std::optional<Time> next;
  for (const auto& entry : entries_) {
    const Model& model = *entry->spec.model;
    if (entry->state != State::kReady || model.config.keep_alive == ModelConfig::kAlways) continue;
    const bool used = entry->batches > 0 || (entry->serves && !model.queue.empty());
    const Time until = (used ? now : entry->used_at) + model.config.keep_alive;
    if (now < until) {
      SetEarlier(&next, until);
      continue;
    }
    entry->state = State::kLeaving;
    entry->place->Leave();
  }
  return next;
}

std::optional<Residency::Time> Residency::Consider(Time now) {
  GoOnWithExtensions();
  GoOnWithAwaiting();
  std::optional<Time> next = LetIdleOnesGo(now);
  LoadWanted(now, &next);
  bool later = false;
  NoteBacklogs(now);
  for (const Need& need : Needs(now, &later)) later = !Meet(need, now) || later;
  if (later) SetEarlier(&next, now + kLookAgain);
  return next;
}

Residency::View Residency::Look(const Place* place) const {
  const Entry& entry = EntryOf(place);
  View view{entry.state, entry.spec.bytes, entry.ready_at, std::nullopt};
  const ModelConfig& config = entry.spec.model->config;
  if (entry.state == State::kReady && config.keep_alive != ModelConfig::kAlways) {
    view.kept_until = entry.used_at + config.keep_alive;
  }
  return view;
}

}  // namespace darkroom
