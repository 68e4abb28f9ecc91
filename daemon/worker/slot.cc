// SPDX-License-Identifier: Apache-2.0

#include "worker/slot.h"

#include <algorithm>
#include <utility>

#include "core/json.h"

namespace darkroom {
namespace {

// No job has it: they count from 1.
constexpr uint64_t kRehearsal = 0;

host::InstanceSpec SpecOf(const ModelConfig& model, const ModelContract& contract,
                          const Device& device) {
  nlohmann::json config = {{"name", model.name}, {"options", model.options}};
  if (!model.weights.empty()) config["weights"] = model.weights;
  host::InstanceSpec spec;
  spec.model = model.name;
  spec.config = WriteJson(config);
  spec.lane.device_type = device.kind == DeviceKind::kCuda ? 2 : 1;  // DLPack's codes
  if (device.simulated) {
    spec.lane.sim_index = static_cast<uint32_t>(device.index);
    spec.lane.sim_speed = device.speed;
  } else {
    spec.lane.device_id = device.index;
  }
  spec.lane.max_batch = contract.max_batch;
  return spec;
}

}  // namespace

std::string_view SlotStateName(SlotState state) {
  switch (state) {
    case SlotState::kAbsent:
      return "absent";
    case SlotState::kCreating:
      return "creating";
    case SlotState::kRefused:
      return "refused";
    case SlotState::kUnloaded:
      return "unloaded";
    case SlotState::kLoading:
      return "loading";
    case SlotState::kIdle:
      return "idle";
    case SlotState::kRunning:
      return "running";
    case SlotState::kFailed:
      return "failed";
  }
  return "unknown";
}

Slot::Slot(SlotOwner& owner, std::shared_ptr<Model> model,
           std::shared_ptr<const ModelContract> contract, const Device& device, Hosting& hosting)
    : owner_(owner),
      model_(std::move(model)),
      contract_(std::move(contract)),
      device_(device),
      hosting_(hosting) {}

Slot::~Slot() { hosting_.Leave(this); }

void Slot::SetState(SlotState state) {
  state_ = state;
  owner_.OnSlotChanged(*this);
}

// An instance or a device that is lost makes all that would follow fail, too: what hosts it is
// ended, and everything that is out comes back. False: it is no such status, or cannot be ended.
bool Slot::EndIfLost(const Status& status) {
  if (!IsLost(status.code())) return false;
  const bool ended = hosting_.Kill(status);
  if (status.code() == Code::kDeviceLost) owner_.OnSlotDeviceLost(*this, status, !ended);
  return ended;
}

void Slot::Load(uint64_t memory) {
  if (state_ == SlotState::kAbsent || state_ == SlotState::kCreating) {
    to_load_ = memory;
    hosting_.WakeUp();
    return;
  }
  if (state_ != SlotState::kUnloaded && state_ != SlotState::kFailed) return;
  instance_->Load(memory);
  SetState(SlotState::kLoading);
}

void Slot::Unload() {
  if (available()) instance_->Unload();
}

void Slot::Run(const std::vector<Job*>& batch, std::vector<host::HostJob> jobs) {
  for (Job* job : batch) {
    job->runner = this;
    out_.push_back(job->token);
  }
  ++outstanding_;
  if (state_ == SlotState::kIdle) state_ = SlotState::kRunning;
  instance_->Run(std::move(jobs));
}

void Slot::Rehearse(host::HostJob job, std::function<void(const Status&)> done) {
  rehearsal_ = std::move(done);
  job.token = kRehearsal;
  ++outstanding_;
  std::vector<host::HostJob> batch;
  batch.push_back(std::move(job));
  instance_->Run(std::move(batch));
}

void Slot::Cancel(const Job& job) {
  if (instance_ != nullptr) instance_->Cancel(job.token);
}

bool Slot::Stop(const Job&, const Status& why) { return hosting_.Kill(why); }

void Slot::OnHosted() {
  error_ = Status::Ok();
  instance_ = hosting_.plugin()->Create(SpecOf(config(), *contract_, device_), this);
  SetState(SlotState::kCreating);
}

void Slot::OnNotHosted(const Status& why) {
  instance_.reset();
  metrics_.StartOver();
  to_load_.reset();
  error_ = why;
  SetState(SlotState::kAbsent);
}

bool Slot::IsIdle() const {
  if (to_load_ || busy()) return false;
  return state_ == SlotState::kUnloaded || state_ == SlotState::kFailed ||
         state_ == SlotState::kRefused || state_ == SlotState::kAbsent;
}

void Slot::OnCreated(Status status) {
  error_ = std::move(status);
  const auto to_load = std::exchange(to_load_, std::nullopt);
  if (error_.ok() && to_load) {
    // It has its lease, and is not to be taken for one that was let go.
    state_ = SlotState::kUnloaded;
    Load(*to_load);
    return;
  }
  SetState(error_.ok() ? SlotState::kUnloaded : SlotState::kRefused);
}

void Slot::OnLost(Status why, std::vector<uint64_t> suspects) {
  error_ = why;
  state_ = SlotState::kAbsent;
  outstanding_ = 0;
  if (accused_) suspects.push_back(*std::exchange(accused_, std::nullopt));
  std::sort(suspects.begin(), suspects.end());
  const std::vector<uint64_t> lost = std::move(out_);
  out_.clear();
  if (rehearsal_) std::exchange(rehearsal_, nullptr)(why);
  for (const uint64_t token : lost) {
    const bool to_blame = std::binary_search(suspects.begin(), suspects.end(), token);
    owner_.OnSlotJobLost(*this, token, to_blame, why);
  }
}

void Slot::OnLoaded(Status status, double load_ms) {
  if (EndIfLost(status)) return;
  error_ = std::move(status);
  load_ms_ = load_ms;
  last_used_ = std::chrono::steady_clock::now();
  SetState(!error_.ok()       ? SlotState::kFailed
           : outstanding_ > 0 ? SlotState::kRunning
                              : SlotState::kIdle);
}

void Slot::OnFinished(uint64_t token, host::JobResult result) {
  if (token == kRehearsal && rehearsal_) {
    std::exchange(rehearsal_, nullptr)(result.status);
    return;
  }
  const auto found = std::find(out_.begin(), out_.end(), token);
  if (found == out_.end()) return;
  if (EndIfLost(result.status)) {
    accused_ = token;
    return;
  }
  *found = out_.back();
  out_.pop_back();
  ++jobs_ended_;
  owner_.OnSlotJobDone(*this, token, std::move(result));
}

void Slot::OnBatchDone() {
  if (outstanding_ > 0) --outstanding_;
  last_used_ = std::chrono::steady_clock::now();
  if (outstanding_ == 0 && state_ == SlotState::kRunning) state_ = SlotState::kIdle;
  owner_.OnSlotBatchDone(*this);
}

void Slot::OnUnloaded() { SetState(SlotState::kUnloaded); }

void Slot::OnSaved(uint64_t token, SavedState state) {
  owner_.OnSlotSaved(*this, token, std::move(state));
}

void Slot::OnProgress(uint64_t token, double fraction, std::string_view stage) {
  owner_.OnSlotProgress(token, fraction, stage);
}

}  // namespace darkroom
