// SPDX-License-Identifier: Apache-2.0

#include "tests/device/simulated_lane.h"

#include <utility>

namespace darkroom {
namespace {

constexpr size_t kDepth = 2;  // as Lane's

}  // namespace

SimulatedLane::SimulatedLane(Simulation* simulation, Simulation::Device* device)
    : simulation_(*simulation), device_(*device) {
  simulation_.scheduler_.AddLane(this);
  for (size_t i = 0; i < simulation_.models_.size(); ++i) {
    auto seat = std::make_unique<Seat>(this, i);
    simulation_.residency_.Add(seat.get(), {simulation_.models_[i].get(), &device_.ledger,
                                            simulation_.specs_[i].bytes, this});
    simulation_.residency_.OnUnloaded(seat.get());
    simulation_.residency_.Serve(seat.get(), true);
    seats_.push_back(std::move(seat));
  }
}

SimulatedLane::~SimulatedLane() {
  for (const auto& seat : seats_) simulation_.residency_.Remove(seat.get());
}

void SimulatedLane::Wake() {
  if (std::exchange(asked_, true)) return;
  simulation_.time_.Post([this] {
    asked_ = false;
    Ask();
  });
}

uint32_t SimulatedLane::Outstanding(const Seat* seat) const {
  uint32_t batches = 0;
  for (const Batch& batch : out_) batches += batch.seat == seat ? 1 : 0;
  return batches;
}

void SimulatedLane::Load(Seat* seat) {
  const SimulatedModel& spec = simulation_.specs_[seat->model];
  device_.resident += spec.bytes;
  device_.load_ms += spec.load_ms;
  simulation_.time_.After(spec.load_ms, [this, seat, &spec] {
    simulation_.residency_.OnLoaded(seat, spec.load_ms, simulation_.time_.now());
    simulation_.Touch();
    simulation_.scheduler_.Serve(this, simulation_.models_[seat->model].get());
    Wake();
  });
}

void SimulatedLane::LetGo(Seat* seat) {
  seat->leaving = true;
  simulation_.scheduler_.StopServing(this, simulation_.models_[seat->model].get());
  UnloadIfDone(seat);
}

void SimulatedLane::UnloadIfDone(Seat* seat) {
  if (!seat->leaving || Outstanding(seat) > 0) return;
  const SimulatedModel& spec = simulation_.specs_[seat->model];
  simulation_.time_.After(spec.unload_ms, [this, seat, &spec] {
    device_.resident -= spec.bytes;
    seat->leaving = false;
    simulation_.residency_.OnUnloaded(seat);
    simulation_.Touch();
    Wake();
  });
}

void SimulatedLane::Ask() {
  while (out_.size() < kDepth) {
    std::optional<Scheduler::Running> running;
    if (!out_.empty()) {
      running = Scheduler::Running{simulation_.models_[out_.front().seat->model].get(), since_};
    }
    const Scheduler::Choice choice =
        simulation_.scheduler_.Next(this, running, simulation_.time_.now());
    if (choice.again) AskAt(*choice.again);
    if (choice.batch.empty()) return;
    Run(seats_[simulation_.OutcomeOf(choice.batch.front()->token).model].get(), choice.batch);
  }
}

void SimulatedLane::AskAt(Simulation::Time time) {
  if (again_ == time) return;
  again_ = time;
  simulation_.time_.At(time, [this, time] {
    if (again_ == time) Wake();
  });
}

void SimulatedLane::Run(Seat* seat, const std::vector<Job*>& batch) {
  Batch run{seat, {}};
  for (Job* job : batch) {
    if (job->deadline <= simulation_.time_.now()) {
      simulation_.End(job->token, std::nullopt, 0);
      continue;
    }
    simulation_.jobs_.Start(job);
    simulation_.OutcomeOf(job->token).given = simulation_.now_ms();
    run.tokens.push_back(job->token);
  }
  if (run.tokens.empty()) return;
  out_.push_back(std::move(run));
  if (out_.size() == 1) {
    since_ = simulation_.time_.now();
    Begin();
  }
  simulation_.residency_.OnBatches(seat, Outstanding(seat), simulation_.time_.now());
}

void SimulatedLane::Begin() {
  Batch& batch = out_.front();
  // An instance looks again before it runs a job.
  std::erase_if(batch.tokens, [this](uint64_t token) {
    Outcome& outcome = simulation_.OutcomeOf(token);
    const bool late = outcome.deadline <= simulation_.now_ms();
    if (late) {
      simulation_.End(token, std::nullopt, 0);
    } else {
      outcome.begun = simulation_.now_ms();
    }
    return late;
  });
  double ms = 0;
  if (!batch.tokens.empty()) {
    device_.order.push_back(batch.seat->model);
    ms = simulation_.specs_[batch.seat->model].BatchMs(batch.tokens.size());
  }
  simulation_.time_.After(ms, [this, ms] { OnBatchDone(ms); });
}

void SimulatedLane::OnBatchDone(double batch_ms) {
  const Batch batch = std::move(out_.front());
  out_.pop_front();
  device_.busy_ms += batch_ms;
  if (!out_.empty()) Begin();
  for (const uint64_t token : batch.tokens) {
    simulation_.End(token, batch_ms, batch.tokens.size());
  }
  since_ = simulation_.time_.now();
  simulation_.residency_.OnBatches(batch.seat, Outstanding(batch.seat), since_);
  UnloadIfDone(batch.seat);
  Ask();
}

}  // namespace darkroom
