// SPDX-License-Identifier: Apache-2.0
//
// What a lane asks of the scheduler, and how it gives that to its slots.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "worker/lane.h"

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
  out.state = job.saved;
  out.save_every = job.save_every;
  if (job.request.progress) {
    job.preview_out = 0;  // what another attempt gave last may never have come
    out.preview_out = &job.preview_out;
  }
  return out;
}

}  // namespace

std::vector<Lane::Entry*> Lane::Stepping() {
  std::vector<Entry*> runs;
  for (Entry& entry : slots_) {
    if (entry.slot->stepwise() && entry.slot->outstanding() > 0) runs.push_back(&entry);
  }
  return runs;
}

Scheduler::StepRun Lane::Describe(const Entry& entry) const {
  const Slot& slot = *entry.slot;
  Scheduler::StepRun run{&slot.model(), JobClass::kBulk, nullptr, 0, entry.paused};
  for (const uint64_t token : slot.out()) {
    const Job* job = parts_.jobs.Find(token);
    if (job == nullptr) continue;
    run.like = job;
    run.job_class = std::min(run.job_class, job->job_class);
  }
  // One that an attempt has failed for runs alone, and a slot that was taken over from ends.
  const bool open =
      run.like != nullptr && run.like->attempts == 1 && entry.serves && !entry.leaving;
  const auto most = std::max(slot.contract()->max_batch, 1U);
  if (open) run.room = most - std::min(most, static_cast<uint32_t>(slot.out().size()));
  return run;
}

void Lane::Ask() {
  while (true) {
    if (pausing_ != nullptr) return;
    const bool busy = batch_runs();
    if (busy && current_->outstanding() >= kDepth) return;
    // A slot that was taken over from finishes what it has before its successor begins.
    if (busy && Find(&current_->model()) != current_) return;
    std::optional<Scheduler::Running> running;
    if (busy) running = Scheduler::Running{&current_->model(), since_};
    const std::vector<Entry*> stepping = Stepping();
    std::vector<Scheduler::StepRun> runs;
    for (const Entry* entry : stepping) runs.push_back(Describe(*entry));
    const Scheduler::Choice choice = parts_.scheduler.Next(this, running, Job::Clock::now(), runs);
    if (choice.again) AskAt(*choice.again);
    if (choice.pause) {
      const auto one = std::find_if(stepping.begin(), stepping.end(),
                                    [](const Entry* entry) { return !entry->paused; });
      pausing_ = (*one)->slot.get();
      (*one)->slot->Pause();
      return;
    }
    if (choice.resume) {
      HasLane(runs[*choice.resume].job_class, Job::Clock::now());
      stepping[*choice.resume]->paused = false;
      stepping[*choice.resume]->slot->Resume();
    }
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

// A state that something else made would be refused by the plugin, or worse.
void Lane::DropForeignState(const Slot& slot, Job* job) {
  if (job->saved == nullptr) return;
  const SavedState& state = *job->saved;
  const std::string& weights = slot.model().weights_digest;
  const bool known = !weights.empty() && !state.weights.empty();
  std::string why;
  if (state.plugin != slot.plugin()) {
    why = fmt::format("{} made it, and this is {}", state.plugin, slot.plugin());
  } else if (known && weights != state.weights) {
    why = "it was made with other weights";
  }
  if (why.empty()) {
    parts_.log.info("{} {}: goes on from step {}", job->id, job->model->config.name, state.step);
    return;
  }
  parts_.log.warn("{} {}: begins anew, its state of step {} is none of it: {}", job->id,
                  job->model->config.name, state.step, why);
  job->saved.reset();
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
      if (job->attempts == 1) {
        job->waited = WaitText(job->waits_from, job->model->waits.At(now), job->job_class);
      }
      DropForeignState(*slot, job);
      job->went_on_from = job->saved;
      jobs.push_back(ToHostJob(*job));
      run.push_back(job);
      continue;
    }
    parts_.observer.OnJobDone(job->token, std::move(dropped), &device_);
  }
  if (jobs.empty()) return;
  if (!slot->stepwise()) {
    if (!batch_runs()) since_ = now;
    current_ = slot;
  }
  HasLane(run.front()->job_class, now);
  busy_.Set(true, now);
  slot->Run(run, std::move(jobs));
  parts_.pool.residency().OnBatches(EntryOf(slot).seat.get(), slot->outstanding(), now);
}

}  // namespace darkroom
