// SPDX-License-Identifier: Apache-2.0

#include "tests/device/simulation.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "tests/device/simulated_lane.h"

namespace darkroom {
namespace {

const auto kNoParams = std::make_shared<const std::string>("{}");

}  // namespace

Simulation::Simulation(std::chrono::milliseconds patience, std::map<std::string, double> weights)
    : residency_(patience), tenants_(std::move(weights)) {}

Simulation::~Simulation() = default;

size_t Simulation::AddModel(const SimulatedModel& spec) {
  assert(devices_.empty());
  ModelConfig config;
  config.name = "model-" + std::to_string(models_.size());
  config.queue = spec.queue;
  auto contract = std::make_shared<ModelContract>();
  contract->max_batch = spec.max_batch;
  models_.push_back(std::make_shared<Model>(config));
  models_.back()->contract = std::move(contract);
  specs_.push_back(spec);
  return models_.size() - 1;
}

Simulation::Device& Simulation::AddDevice(uint64_t budget, uint32_t lanes) {
  devices_.push_back(std::make_unique<Device>(budget));
  for (uint32_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<SimulatedLane>(this, devices_.back().get()));
  }
  return *devices_.back();
}

void Simulation::At(double ms, VirtualTime::Action action) {
  time_.At(Time(VirtualTime::Ms(ms)), std::move(action));
}

bool Simulation::Submit(const SimulatedJob& spec) {
  const std::shared_ptr<Model>& model = models_[spec.model];
  if (model->queue.full()) return false;
  auto job = std::make_unique<Job>();
  job->token = outcomes_.size() + 1;
  job->model = model;
  job->contract = model->contract;
  job->params = kNoParams;
  job->job_class = spec.job_class;
  job->tenant = tenants_.For(spec.tenant);
  job->accepted = time_.now();
  job->deadline = job->accepted + VirtualTime::Ms(spec.deadline_ms);
  outcomes_.push_back(
      {spec.model, spec.job_class, spec.tenant, now_ms(), now_ms() + spec.deadline_ms});
  model->queue.Push(job.get());
  jobs_.Add(std::move(job));
  scheduler_.Enqueued(model.get());
  if (model->lanes < model->places) Touch();
  return true;
}

void Simulation::End(uint64_t token, std::optional<double> batch_ms, size_t batch_size) {
  const std::unique_ptr<Job> job =
      jobs_.End(token, batch_ms ? JobState::kSucceeded : JobState::kExpired);
  Outcome& outcome = OutcomeOf(token);
  ++outcome.ends;
  outcome.ended = now_ms();
  if (job == nullptr) return;
  Model& model = *job->model;
  scheduler_.Correct(*job, batch_ms ? *batch_ms / static_cast<double>(batch_size) : 0);
  if (batch_ms) model.times.Add(*batch_ms, static_cast<uint32_t>(batch_size));
  if (on_ended) on_ended(Outcome(outcome));
}

void Simulation::Touch() {
  if (std::exchange(touched_, true)) return;
  time_.Post([this] {
    touched_ = false;
    Consider();
  });
}

void Simulation::Consider() {
  const auto next = residency_.Consider(time_.now());
  const uint64_t mine = ++considered_;
  if (!next) return;
  time_.At(*next, [this, mine] {
    if (considered_ == mine) Touch();
  });
}

void Simulation::Check() {
  for (const auto& device : devices_) {
    const uint64_t most = std::max(device->resident, device->ledger.leased());
    const uint64_t budget = device->ledger.budget();
    if (most > budget) most_over_budget_ = std::max(most_over_budget_, most - budget);
  }
}

void Simulation::Run(double until_ms) {
  time_.Run(Time(VirtualTime::Ms(until_ms)), [this] { Check(); });
}

double Simulation::busy_ms() const {
  double sum = 0;
  for (const auto& device : devices_) sum += device->busy_ms;
  return sum;
}

double Simulation::load_ms() const {
  double sum = 0;
  for (const auto& device : devices_) sum += device->load_ms;
  return sum;
}

}  // namespace darkroom
