// SPDX-License-Identifier: Apache-2.0

#include "host/step_loop.h"

#include <algorithm>
#include <utility>

#include "host/lane_thread.h"

namespace darkroom::host {

StepLoop::StepLoop(const dr_stepwise_t& table, const dr_checkpoint_t* states,
                   dr_instance_t* instance, LaneServices* services, Events* events, Ready ready)
    : table_(table),
      instance_(instance),
      services_(services),
      events_(events),
      ready_(std::move(ready)),
      checkpoints_(states, instance, services, events) {}

void StepLoop::Pause() {
  paused_ = true;
  events_->OnPaused();
}

bool StepLoop::GoOn() {
  TakeOutStopped();
  if (paused_) return false;
  LetJoin();
  if (!running_.empty()) Step();
  return !running_.empty() || !coming_.empty();
}

void StepLoop::RunOut() {
  paused_ = false;
  while (GoOn()) {
  }
}

void StepLoop::LetJoin() {
  while (!coming_.empty()) {
    LaneCommand& next = coming_.front();
    const size_t size = std::max(next.batch.size(), next.runs.size());
    if (running_.size() + size > services_->jobs().max_batch()) return;
    // Those that run do not wait for a picture; without them there is nothing better to do.
    if (!ready_(&next, running_.empty())) return;
    const std::vector<JobRun*> runs = std::move(next.runs);
    coming_.pop_front();
    const auto batch = std::make_shared<Batch>(Batch{static_cast<uint32_t>(runs.size())});
    for (JobRun* const run : runs) Begin(run, batch);
  }
}

void StepLoop::Begin(JobRun* run, const std::shared_ptr<Batch>& batch) {
  const bool open = run->state() != JobRun::State::kEnded && services_->Open(run);
  if (!open) {
    LetGo(run, batch.get());
    return;
  }
  const uint64_t start = NowNs();
  Running one{run, nullptr, batch, 0, Checkpoints::FirstAt(*run)};
  Status status;
  if (!checkpoints_.TakeUp(run, &one.plugin_run, &status)) {
    const dr_status given = services_->MakeCall(
        Phase::kInfer, [&] { return table_.begin(instance_, run->abi(), &one.plugin_run); });
    status = services_->Explain(given, "begin");
  }
  run->result().infer_ms += MsSince(start);
  if (status.ok()) {
    running_.push_back(std::move(one));
  } else {
    End(one, std::move(status));
  }
}

void StepLoop::TakeOutStopped() {
  // Also where it is paused: whoever cancels does not wait for others.
  for (size_t i = 0; i < running_.size();) {
    if (Status stopped = running_[i].run->WhyStopped("while it ran"); stopped.ok()) {
      ++i;
    } else {
      const Running one = std::move(running_[i]);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      End(one, std::move(stopped));
    }
  }
}

void StepLoop::Step() {
  std::vector<Running> all = std::exchange(running_, {});
  if (StepOf(all)) return;
  // A step that failed for all is made by each alone, so that one bad job fails alone.
  for (Running& one : all) (void)StepOf({&one, 1});
}

bool StepLoop::StepOf(std::span<Running> group) {
  std::vector<dr_run_t*> runs;
  runs.reserve(group.size());
  for (const Running& one : group) runs.push_back(one.plugin_run);
  std::vector<uint32_t> left(runs.size(), 0);
  const uint64_t start = NowNs();
  const dr_status given = services_->MakeCall(Phase::kInfer, [&] {
    return table_.step(instance_, runs.data(), static_cast<uint32_t>(runs.size()), left.data());
  });
  const Status status = services_->Explain(given, "step");
  const double ms = MsSince(start);
  if (!status.ok() && group.size() > 1 && !IsLost(status.code())) return false;
  for (size_t i = 0; i < group.size(); ++i) {
    Running& one = group[i];
    JobResult& result = one.run->result();
    result.infer_ms += ms;
    ++result.steps;
    one.company += static_cast<uint32_t>(group.size());
    result.batch_size = (one.company + result.steps / 2) / result.steps;
    if (!status.ok()) {
      End(one, status);
    } else if (left[i] == 0) {
      Finish(one);
    } else {
      checkpoints_.SaveIfDue(one.run, one.plugin_run, &one.save_at);
      running_.push_back(one);
    }
  }
  return true;
}

void StepLoop::Finish(const Running& one) {
  const uint64_t start = NowNs();
  const dr_status given =
      services_->MakeCall(Phase::kInfer, [&] { return table_.finish(instance_, one.plugin_run); });
  Status status = services_->Explain(given, "finish");
  one.run->result().infer_ms += MsSince(start);
  End(one, std::move(status));
}

void StepLoop::End(const Running& one, Status status) {
  if (one.plugin_run != nullptr) {
    (void)services_->MakeCall(Phase::kInfer, [&] { table_.end(instance_, one.plugin_run); });
  }
  services_->EndJob(one.run, std::move(status));
  LetGo(one.run, one.batch.get());
}

void StepLoop::LetGo(JobRun* run, Batch* batch) {
  services_->jobs().LetGo(run);
  if (--batch->left == 0) events_->OnBatchDone();
}

}  // namespace darkroom::host
