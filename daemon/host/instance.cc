// SPDX-License-Identifier: Apache-2.0

#include "host/instance.h"

#include <utility>

namespace darkroom::host {

LaneInstance::LaneInstance(std::shared_ptr<Module> module, const InstanceSpec& spec,
                           const ImageLimits& limits, Events* events)
    : module_(std::move(module)),
      model_(spec.model),
      limits_(limits),
      events_(events),
      services_(module_, spec.lane, events) {
  lane_.size = sizeof(lane_);
  lane_.max_batch = services_.jobs().max_batch();
  lane_.device = {spec.lane.device_type, spec.lane.device_id};
  lane_.memory_budget = spec.lane.memory_budget;
}

Result<std::unique_ptr<Instance>> LaneInstance::Create(std::shared_ptr<Module> module,
                                                       const InstanceSpec& spec,
                                                       const ImageLimits& limits, Events* events) {
  std::unique_ptr<LaneInstance> self(new LaneInstance(std::move(module), spec, limits, events));
  const dr_plugin_t& plugin = self->module_->table();
  const dr_status status = self->services_.MakeCall(Phase::kCreate, [&] {
    return plugin.create(self->services_.abi(), spec.config.c_str(), &self->instance_);
  });
  if (status != DR_OK) {
    self->instance_ = nullptr;
    return self->services_.Explain(status, "create");
  }
  if (self->instance_ == nullptr) {
    self->services_.Misbehaved("gave no instance by create, and said it was OK");
    return Status::Internal("the plugin " + self->module_->info().id + " made no instance");
  }
  self->thread_ = std::make_unique<LaneThread>(
      spec.model, [instance = self.get()](LaneCommand& command) { instance->CarryOut(command); });
  return std::unique_ptr<Instance>(std::move(self));
}

LaneInstance::~LaneInstance() {
  if (thread_ != nullptr) {
    thread_->Post(LaneCommand::Kind::kLeave);
    thread_.reset();
  }
  if (instance_ == nullptr) return;
  (void)services_.MakeCall(Phase::kDestroy, [&] { module_->table().destroy(instance_); });
}

void LaneInstance::Load() { thread_->Post(LaneCommand::Kind::kLoad); }

void LaneInstance::Run(std::vector<HostJob> batch) {
  thread_->Post(LaneCommand::Kind::kRun, std::move(batch));
}

void LaneInstance::Cancel(uint64_t token) {
  const dr_plugin_t& plugin = module_->table();
  if (plugin.cancel == nullptr) return;
  const std::lock_guard lock(infer_mutex_);
  if (!inferring_) return;
  for (JobRun* run : running_) {
    if (run->state() != JobRun::State::kOpen || run->job().token != token) continue;
    services_.CallAside([&] { plugin.cancel(instance_, run->abi()); });
  }
}

void LaneInstance::Unload() { thread_->Post(LaneCommand::Kind::kUnload); }

void LaneInstance::CarryOut(LaneCommand& command) {
  services_.EnterLane();
  switch (command.kind) {
    case LaneCommand::Kind::kLoad:
      LoadNow();
      break;
    case LaneCommand::Kind::kRun:
      RunNow(command);
      break;
    case LaneCommand::Kind::kUnload:
      UnloadNow();
      events_->OnUnloaded();
      break;
    case LaneCommand::Kind::kLeave:
      UnloadNow();
      break;
  }
}

void LaneInstance::LoadNow() {
  if (loaded_) {
    events_->OnLoaded(Status::Ok(), 0);
    return;
  }
  const uint64_t start = NowNs();
  const dr_status given =
      services_.MakeCall(Phase::kLoad, [&] { return module_->table().load(instance_, &lane_); });
  Status status = services_.Explain(given, "load");
  loaded_ = true;  // unload follows a load that failed, too
  if (!status.ok()) UnloadNow();
  load_end_ns_ = NowNs();
  events_->OnLoaded(std::move(status), static_cast<double>(load_end_ns_ - start) / 1e6);
}

void LaneInstance::UnloadNow() {
  if (!std::exchange(loaded_, false)) return;
  (void)services_.MakeCall(Phase::kUnload, [&] { module_->table().unload(instance_); });
  services_.ReleaseMemory();
}

void LaneInstance::RunNow(LaneCommand& command) {
  std::vector<HostJob>& batch = command.batch;
  // A batch that was posted while the instance loaded has waited for that.
  const bool waited = load_end_ns_ > command.posted_ns;
  services_.StartBatch(static_cast<uint32_t>(batch.size()),
                       waited ? static_cast<double>(load_end_ns_ - command.posted_ns) / 1e6 : 0);
  if (!loaded_ || batch.size() > services_.jobs().max_batch()) {
    const Status refusal =
        loaded_ ? Status::Internal("a batch of " + std::to_string(batch.size()) +
                                   " jobs came to a lane for " +
                                   std::to_string(services_.jobs().max_batch()))
                : Status::FailedPrecondition("the model " + model_ + " is not loaded");
    for (const HostJob& job : batch) {
      JobResult result;
      result.status = refusal;
      result.batch_size = static_cast<uint32_t>(batch.size());
      events_->OnFinished(job.token, std::move(result));
    }
    events_->OnBatchDone();
    return;
  }

  services_.jobs().Turn();
  running_.clear();
  for (size_t i = 0; i < batch.size(); ++i) {
    JobRun& run = services_.jobs().At(i);
    Status ready = run.Begin(std::move(batch[i]), limits_);
    if (ready.ok()) {
      running_.push_back(&run);
    } else {
      services_.EndJob(&run, std::move(ready));
    }
  }
  if (!running_.empty()) {
    Status status = Infer();
    for (JobRun* run : running_) {
      if (run->state() == JobRun::State::kOpen) services_.EndJob(run, status);
    }
  }
  events_->OnBatchDone();
}

void LaneInstance::SetInferring(bool inferring) {
  const std::lock_guard lock(infer_mutex_);
  inferring_ = inferring;
}

Status LaneInstance::Infer() {
  abi_jobs_.clear();
  for (JobRun* run : running_) {
    run->Open();
    abi_jobs_.push_back(run->abi());
  }
  const dr_batch_t batch = {sizeof(dr_batch_t), static_cast<uint32_t>(abi_jobs_.size()),
                            abi_jobs_.data()};
  services_.StartInfer();
  SetInferring(true);
  const dr_status given =
      services_.MakeCall(Phase::kInfer, [&] { return module_->table().infer(instance_, &batch); });
  SetInferring(false);
  return services_.Explain(given, "infer");
}

}  // namespace darkroom::host
