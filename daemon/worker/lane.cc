// SPDX-License-Identifier: Apache-2.0

#include "worker/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <string>
#include <utility>

#include "core/json.h"
#include "device/memory_need.h"

namespace darkroom {
namespace {

// Whose need MemoryBook remembers.
std::string WhatNeeds(const Slot& slot) {
  const ModelConfig& config = slot.config();
  return fmt::format("{} {} {}", slot.contract()->plugin_digest, config.weights,
                     WriteJson(config.options));
}

}  // namespace

Lane::Lane(const Parts& parts, const Device& device, uint32_t index)
    : parts_(parts), device_(device), index_(index), again_(parts.io) {
  parts_.scheduler.AddLane(this);
}

Lane::~Lane() {
  *alive_ = false;
  for (const Entry& entry : slots_) parts_.pool.residency().Remove(entry.seat.get());
}

Slot* Lane::AddSlot(std::shared_ptr<Model> model, std::shared_ptr<const ModelContract> contract,
                    Hosting& hosting, bool home) {
  // A slot may tell of itself from here on, so it must be known first.
  Entry& entry = slots_.emplace_back();
  SlotOwner& owner = *this;
  entry.slot =
      std::make_unique<Slot>(owner, std::move(model), std::move(contract), device_, hosting);
  entry.home = home;
  Slot* slot = entry.slot.get();
  entry.seat = std::make_unique<Seat>(this, slot);
  const ModelConfig& config = slot->config();
  const uint64_t need = std::max(MemoryNeed(config, slot->contract()->info),
                                 parts_.pool.memory_book().NeedOf(config.name, WhatNeeds(*slot)));
  Ledger& ledger = parts_.pool.LedgerOf(device_);
  // What it took of a larger device it may do without on this one.
  const uint64_t most = ledger.budget() == 0 ? need : std::min(need, ledger.budget());
  Residency& residency = parts_.pool.residency();
  residency.Add(entry.seat.get(), {&slot->model(), &ledger, most, this});
  if (slot->asleep()) residency.OnUnloaded(entry.seat.get());
  slot->Join();
  return slot;
}

Status Lane::Load(Slot* slot) {
  return parts_.pool.residency().Want(EntryOf(slot).seat.get(), Job::Clock::now());
}

void Lane::Serve(Slot* slot) {
  if (Slot* before = Find(&slot->model()); before != nullptr) StopServing(before);
  Entry& entry = EntryOf(slot);
  entry.serves = true;
  parts_.pool.residency().Serve(entry.seat.get(), true);
  parts_.pool.Touch();
  Update(*slot);
}

void Lane::StopServing(Slot* slot) {
  Entry& entry = EntryOf(slot);
  entry.serves = false;
  parts_.pool.residency().Serve(entry.seat.get(), false);
  parts_.scheduler.StopServing(this, &slot->model());
}

void Lane::LoadLeased(Slot* slot) {
  slot->Load(device_.memory == 0 ? host::kNoMemoryLimit : LookAt(slot).bytes);
}

// Of Residency's: its room is wanted, or nobody has used it.
void Lane::LetGo(Slot* slot) {
  Entry& entry = EntryOf(slot);
  entry.leaving = true;
  if (entry.serves) parts_.scheduler.StopServing(this, &slot->model());
  parts_.log.info("{}: leaves {}", slot->model().config.name, device_.id);
  UnloadIfDone(entry);
}

void Lane::UnloadIfDone(Entry& entry) {
  if (entry.leaving && entry.slot->outstanding() == 0) entry.slot->Unload();
}

Residency::View Lane::LookAt(const Slot* slot) {
  return parts_.pool.residency().Look(EntryOf(slot).seat.get());
}

void Lane::Remove(Slot* slot, std::function<void()> gone) {
  EntryOf(slot).gone = std::move(gone);
  Wake();
}

void Lane::Wake() {
  if (asked_) return;
  asked_ = true;
  // Behind the rest of the burst that is being read, so that one batch takes all of it.
  boost::asio::post(parts_.io, [this, alive = alive_] {
    if (!*alive) return;
    asked_ = false;
    Tidy();
    Ask();
  });
}

std::vector<Lane::SlotView> Lane::Slots() const {
  std::vector<SlotView> views;
  views.reserve(slots_.size());
  for (const Entry& entry : slots_) views.push_back({entry.slot.get(), entry.serves, entry.home});
  return views;
}

Slot* Lane::Find(const Model* model) const {
  for (const Entry& entry : slots_) {
    if (entry.serves && &entry.slot->model() == model) return entry.slot.get();
  }
  return nullptr;
}

Lane::Entry& Lane::EntryOf(const Slot* slot) {
  const auto entry = std::find_if(slots_.begin(), slots_.end(),
                                  [slot](const Entry& one) { return one.slot.get() == slot; });
  assert(entry != slots_.end());
  return *entry;
}

bool Lane::running() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const Entry& entry) { return entry.slot->outstanding() > 0; });
}

void Lane::Tidy() {
  for (size_t i = 0; i < slots_.size();) {
    Entry& entry = slots_[i];
    if (!entry.gone || entry.slot->busy()) {
      ++i;
      continue;
    }
    if (current_ == entry.slot.get()) current_ = nullptr;
    const std::function<void()> gone = std::move(entry.gone);
    parts_.pool.residency().Remove(entry.seat.get());
    parts_.pool.Touch();
    slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
    gone();
  }
}

void Lane::HasLane(JobClass job_class, Scheduler::Time now) {
  for (const Entry& entry : slots_) {
    if (entry.serves && entry.slot->loaded()) {
      entry.slot->model().waits.Set(WaitForClass(job_class), now);
    }
  }
}

void Lane::NoteWhatIsWaitedFor(const Slot& slot) {
  Model& model = slot.model();
  const auto now = Job::Clock::now();
  const bool was_there = model.waits.cause() > WaitFor::kLoading;
  if (model.lanes == 0) {
    model.waits.Set(slot.state() == SlotState::kLoading ? WaitFor::kLoading : WaitFor::kRoom, now);
  } else if (!was_there) {
    model.waits.Set(WaitFor::kBulk, now);  // the lane, which somebody else may have
  }
}

void Lane::OnSlotChanged(Slot& slot) {
  if (slot.state() == SlotState::kIdle || slot.state() == SlotState::kRunning) {
    parts_.log.info("{}: loaded on {} in {:.0f} ms", slot.model().config.name, device_.id,
                    slot.load_ms());
    ++slot.model().loads;
    slot.model().load_ms += slot.load_ms();
  } else if (slot.state() == SlotState::kFailed) {
    parts_.log.error("{}: cannot be loaded on {}: {}", slot.model().config.name, device_.id,
                     slot.error().ToString());
  }
  TellResidency(slot);
  Update(slot);
}

void Lane::TellResidency(const Slot& slot) {
  Residency& residency = parts_.pool.residency();
  Entry& entry = EntryOf(&slot);
  switch (slot.state()) {
    case SlotState::kAbsent:
    case SlotState::kRefused:
      entry.leaving = false;
      entry.paused = false;
      if (pausing_ == &slot) pausing_ = nullptr;
      busy_.Set(running(), Job::Clock::now());
      if (slot.asleep()) {
        residency.OnUnloaded(entry.seat.get());
      } else {
        residency.OnLost(entry.seat.get());
      }
      break;
    case SlotState::kUnloaded:
      entry.leaving = false;
      residency.OnUnloaded(entry.seat.get());
      slot.hosting().FallAsleepIfIdle();
      break;
    case SlotState::kFailed:
      slot.hosting().FallAsleepIfIdle();
      if (!residency.OnFailed(entry.seat.get()) && entry.serves) {
        parts_.observer.OnLoadFailed(slot.model(), slot.error());
      }
      break;
    case SlotState::kIdle:
    case SlotState::kRunning:
      residency.OnLoaded(entry.seat.get(), slot.load_ms(), Job::Clock::now());
      break;
    case SlotState::kCreating:
    case SlotState::kLoading:
      break;
  }
  parts_.pool.Touch();
}

void Lane::Update(Slot& slot) {
  if (const Entry& entry = EntryOf(&slot); entry.serves) {
    if (slot.loaded() && !entry.leaving && parts_.pool.HealthOf(device_).usable()) {
      parts_.scheduler.Serve(this, &slot.model());
    } else {
      parts_.scheduler.StopServing(this, &slot.model());
    }
    NoteWhatIsWaitedFor(slot);
  }
  Wake();
  parts_.observer.OnModelChanged(slot.model());
}

void Lane::NoteNeed(Slot& slot) {
  parts_.pool.memory_book().Note(slot.model().config.name, WhatNeeds(slot), LookAt(&slot).bytes);
}

void Lane::OnSlotReserve(Slot& slot, uint64_t bytes) {
  parts_.pool.residency().Extend(EntryOf(&slot).seat.get(), bytes, Job::Clock::now(),
                                 [this, &slot](const Status& status) {
                                   slot.AnswerReserve(status);
                                   NoteNeed(slot);
                                 });
  parts_.pool.Touch();
}

// What its model was thought to need was too little: it is loaded again with more, for which others
// go, and the job runs once more.
bool Lane::RetryWithMoreMemory(Slot& slot, uint64_t token, const Status& why) {
  Job* const job = parts_.jobs.Find(token);
  if (job == nullptr || job->had_more_memory) return false;
  if (!parts_.pool.residency().Grow(EntryOf(&slot).seat.get(), Job::Clock::now())) return false;
  job->had_more_memory = true;
  NoteNeed(slot);
  parts_.observer.OnJobLost(token, false, why, &device_);
  parts_.pool.Touch();
  return true;
}

void Lane::OnSlotJobDone(Slot& slot, uint64_t token, host::JobResult result) {
  if (result.out_of_memory && RetryWithMoreMemory(slot, token, result.status)) return;
  parts_.observer.OnJobDone(token, std::move(result), &device_);
  // One whose batch has left the lane already: it may be what the slot's end waits for.
  if (slot.busy() || EntryOf(&slot).gone == nullptr) return;
  Wake();
  parts_.observer.OnBatchDone();
}

void Lane::OnSlotProgress(uint64_t token, double fraction, std::string_view stage) {
  parts_.observer.OnJobProgress(token, fraction, stage);
}

void Lane::OnSlotPreview(uint64_t token, Buffer jpeg) {
  parts_.observer.OnJobPreview(token, std::move(jpeg));
}

void Lane::OnSlotSaved(Slot& slot, uint64_t token, SavedState state) {
  state.plugin = slot.plugin();
  state.weights = slot.model().weights_digest;
  parts_.observer.OnJobSaved(token, std::move(state));
}

void Lane::OnSlotPaused(Slot& slot) {
  if (pausing_ == &slot) pausing_ = nullptr;
  if (slot.outstanding() > 0) {
    EntryOf(&slot).paused = true;
  } else {
    slot.Resume();  // what it ran has ended meanwhile
  }
  Ask();
}

void Lane::OnSlotBatchDone(Slot& slot) {
  const auto now = Job::Clock::now();
  if (!slot.stepwise()) since_ = now;
  Entry& entry = EntryOf(&slot);
  if (slot.outstanding() == 0 && std::exchange(entry.paused, false)) slot.Resume();
  busy_.Set(running(), now);
  parts_.pool.residency().OnBatches(entry.seat.get(), slot.outstanding(), now);
  UnloadIfDone(entry);
  parts_.observer.OnBatchDone();
  if (std::any_of(slots_.begin(), slots_.end(),
                  [](const Entry& one) { return one.gone != nullptr; })) {
    Wake();
  } else {
    Ask();
  }
}

void Lane::OnHealthChanged() {
  for (const Entry& entry : slots_) Update(*entry.slot);
}

void Lane::OnSlotDeviceLost(Slot&, const Status& why, bool for_good) {
  parts_.pool.ReportLoss(device_, why, for_good && device_.kind == DeviceKind::kCuda);
}

void Lane::OnSlotJobLost(Slot&, uint64_t token, bool to_blame, const Status& why) {
  parts_.observer.OnJobLost(token, to_blame, why, &device_);
}

}  // namespace darkroom
