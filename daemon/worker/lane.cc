// SPDX-License-Identifier: Apache-2.0

#include "worker/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <optional>
#include <utility>

#include "device/memory_need.h"

namespace darkroom {
namespace {

// One batch runs, one is at hand. More would only take jobs from the scheduler before it need
// decide.
constexpr uint32_t kDepth = 2;

// CLOCK_MONOTONIC, which is what libstdc++'s steady_clock counts.
uint64_t MonotonicNs(std::chrono::steady_clock::time_point time) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

host::OutputForm::Image ImageOf(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return host::OutputForm::Image::kPng;
    case ImageFormat::kJpeg:
      return host::OutputForm::Image::kJpeg;
    case ImageFormat::kWebp:
      return host::OutputForm::Image::kWebp;
    case ImageFormat::kNatural:
      break;
  }
  return host::OutputForm::Image::kNatural;
}

host::HostJob ToHostJob(Job& job) {
  host::HostJob out;
  out.token = job.token;
  out.id = job.id;
  out.params = *job.params;
  out.inputs.reserve(job.request.inputs.size());
  for (const RequestInput& input : job.request.inputs) {
    out.inputs.push_back({input.info->name, input.content_type, input.bytes});
  }
  out.form.image = ImageOf(job.request.form.image);
  out.form.quality = job.request.form.quality;
  out.deadline_ns = MonotonicNs(job.deadline);
  out.cancel = &job.cancel;
  out.started = &job.begun;
  return out;
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
                    Hosting& hosting) {
  // A slot may tell of itself from here on, so it must be known first.
  Entry& entry = slots_.emplace_back();
  SlotOwner& owner = *this;
  entry.slot =
      std::make_unique<Slot>(owner, std::move(model), std::move(contract), device_, hosting);
  Slot* slot = entry.slot.get();
  entry.seat = std::make_unique<Seat>(this, slot);
  parts_.pool.residency().Add(entry.seat.get(),
                              {&slot->model(), &parts_.pool.LedgerOf(device_),
                               MemoryNeed(slot->model().config, slot->contract()->info), this});
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

Residency::View Lane::LookAt(const Slot* slot) const {
  const auto entry = std::find_if(slots_.begin(), slots_.end(),
                                  [slot](const Entry& one) { return one.slot.get() == slot; });
  return parts_.pool.residency().Look(entry->seat.get());
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
  for (const Entry& entry : slots_) views.push_back({entry.slot.get(), entry.serves});
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

void Lane::Tidy() {
  for (size_t i = 0; i < slots_.size();) {
    Entry& entry = slots_[i];
    if (!entry.gone || entry.slot->outstanding() > 0) {
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

void Lane::Ask() {
  while (true) {
    const bool busy = running();
    if (busy && current_->outstanding() >= kDepth) return;
    // A slot that was taken over from finishes what it has before its successor begins.
    if (busy && Find(&current_->model()) != current_) return;
    std::optional<Scheduler::Running> running;
    if (busy) running = Scheduler::Running{&current_->model(), since_};
    const Scheduler::Choice choice = parts_.scheduler.Next(this, running, Job::Clock::now());
    if (choice.again) AskAt(*choice.again);
    if (choice.batch.empty()) return;
    Run(Find(choice.batch.front()->model.get()), choice.batch);
  }
}

void Lane::AskAt(Scheduler::Time time) {
  if (again_.expiry() == time) return;
  again_.expires_at(time);
  again_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Wake();
  });
}

void Lane::Run(Slot* slot, const std::vector<Job*>& batch) {
  const auto now = Job::Clock::now();
  const auto ready_at = LookAt(slot).ready_at;
  std::vector<host::HostJob> jobs;
  std::vector<Job*> run;
  jobs.reserve(batch.size());
  run.reserve(batch.size());
  for (Job* job : batch) {
    host::JobResult dropped;
    if (job->cancel.load(std::memory_order_relaxed) != 0) {
      dropped.status = {Code::kCancelled, "cancelled while it waited"};
    } else if (job->deadline <= now) {
      dropped.status = {Code::kDeadlineExceeded, "the deadline passed while the job waited",
                        "allow more time with Darkroom-Deadline"};
    } else {
      parts_.jobs.Start(job);
      // Of the load that has ended since the job came, as much as the job has seen of it.
      const std::chrono::duration<double, std::milli> seen = ready_at - job->accepted;
      job->load_ms = std::clamp(seen.count(), 0.0, slot->load_ms());
      jobs.push_back(ToHostJob(*job));
      run.push_back(job);
      continue;
    }
    parts_.observer.OnJobDone(job->token, std::move(dropped), &device_);
  }
  if (jobs.empty()) return;
  if (!running()) since_ = now;
  current_ = slot;
  slot->Run(run, std::move(jobs));
  parts_.pool.residency().OnBatches(EntryOf(slot).seat.get(), slot->outstanding(), now);
}

void Lane::OnSlotChanged(Slot& slot) {
  if (slot.state() == SlotState::kIdle || slot.state() == SlotState::kRunning) {
    parts_.log.info("{}: loaded on {} in {:.0f} ms", slot.model().config.name, device_.id,
                    slot.load_ms());
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
      entry.leaving = false;
      residency.OnLost(entry.seat.get());
      break;
    case SlotState::kUnloaded:
      entry.leaving = false;
      residency.OnUnloaded(entry.seat.get());
      break;
    case SlotState::kFailed:
      residency.OnFailed(entry.seat.get());
      if (entry.serves) parts_.observer.OnLoadFailed(slot.model(), slot.error());
      break;
    case SlotState::kIdle:
    case SlotState::kRunning:
      residency.OnLoaded(entry.seat.get(), slot.load_ms(), Job::Clock::now());
      break;
    case SlotState::kCreating:
    case SlotState::kRefused:
    case SlotState::kLoading:
      break;
  }
  parts_.pool.Touch();
}

void Lane::Update(Slot& slot) {
  if (const Entry& entry = EntryOf(&slot); entry.serves) {
    if (slot.loaded() && !entry.leaving) {
      parts_.scheduler.Serve(this, &slot.model());
    } else {
      parts_.scheduler.StopServing(this, &slot.model());
    }
  }
  Wake();
  parts_.observer.OnModelChanged(slot.model());
}

void Lane::OnSlotJobDone(Slot&, uint64_t token, host::JobResult result) {
  parts_.observer.OnJobDone(token, std::move(result), &device_);
}

void Lane::OnSlotProgress(uint64_t token, double fraction, std::string_view stage) {
  parts_.observer.OnJobProgress(token, fraction, stage);
}

void Lane::OnSlotBatchDone(Slot& slot) {
  since_ = Job::Clock::now();
  Entry& entry = EntryOf(&slot);
  parts_.pool.residency().OnBatches(entry.seat.get(), slot.outstanding(), since_);
  UnloadIfDone(entry);
  parts_.observer.OnBatchDone();
  if (std::any_of(slots_.begin(), slots_.end(),
                  [](const Entry& one) { return one.gone != nullptr; })) {
    Wake();
  } else {
    Ask();
  }
}

void Lane::OnSlotJobLost(Slot&, uint64_t token, bool to_blame, const Status& why) {
  parts_.observer.OnJobLost(token, to_blame, why, &device_);
}

}  // namespace darkroom
