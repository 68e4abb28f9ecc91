// SPDX-License-Identifier: Apache-2.0

#include "host/instance.h"

#include <algorithm>
#include <utility>

#include "core/json.h"

namespace darkroom::host {
namespace {

Result<ModelInfo> InfoOf(const Module& module, const InstanceSpec& spec) {
  if (!module.info().open) return module.info();
  Result<nlohmann::json> config = ParseJson(spec.config);
  if (!config.ok()) return config.status().Annotated("the instance's configuration");
  return ModelInfoFor(module.info(), config->value("options", nlohmann::json::object()));
}

}  // namespace

LaneInstance::LaneInstance(std::shared_ptr<Module> module, ModelInfo info, const InstanceSpec& spec,
                           const ImageLimits& limits, std::shared_ptr<TaskThreads> codecs,
                           Events* events)
    : module_(std::move(module)),
      model_(spec.model),
      limits_(limits),
      codecs_(std::move(codecs)),
      events_(events),
      services_(module_, std::move(info), spec.lane, codecs_, events) {
  lane_.size = sizeof(lane_);
  lane_.max_batch = services_.jobs().max_batch();
  lane_.device = {spec.lane.device_type, spec.lane.device_id};
}

Result<std::unique_ptr<Instance>> LaneInstance::Create(std::shared_ptr<Module> module,
                                                       const InstanceSpec& spec,
                                                       const ImageLimits& limits,
                                                       std::shared_ptr<TaskThreads> codecs,
                                                       Events* events) {
  Result<ModelInfo> info = InfoOf(*module, spec);
  if (!info.ok()) return info.status();
  std::unique_ptr<LaneInstance> self(new LaneInstance(std::move(module), *std::move(info), spec,
                                                      limits, std::move(codecs), events));
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
  if (const dr_stepwise_t* steps = self->module_->stepwise(); steps != nullptr) {
    self->steps_.emplace(*steps, self->module_->checkpoint(), self->instance_, &self->services_,
                         events, [instance = self.get()](LaneCommand* command, bool wait) {
                           return instance->Prepare(command, wait);
                         });
  }
  self->thread_ = std::make_unique<LaneThread>(
      spec.model, [instance = self.get()](LaneCommand& command) { instance->CarryOut(command); },
      [instance = self.get()] { return instance->steps_ && instance->GoOn(); });
  return std::unique_ptr<Instance>(std::move(self));
}

LaneInstance::~LaneInstance() {
  if (thread_ != nullptr) {
    Post(LaneCommand::Kind::kLeave);
    thread_.reset();
  }
  if (instance_ == nullptr) return;
  (void)services_.MakeCall(Phase::kDestroy, [&] { module_->table().destroy(instance_); });
}

void LaneInstance::Post(LaneCommand::Kind kind, uint64_t memory) {
  LaneCommand command;
  command.kind = kind;
  command.memory = memory;
  Post(std::move(command));
}

void LaneInstance::Post(LaneCommand command) {
  services_.waiting().fetch_add(1);
  thread_->Post(std::move(command));
}

void LaneInstance::Load(uint64_t memory) { Post(LaneCommand::Kind::kLoad, memory); }
void LaneInstance::Unload() { Post(LaneCommand::Kind::kUnload); }
void LaneInstance::Pause() { Post(LaneCommand::Kind::kPause); }
void LaneInstance::Resume() { Post(LaneCommand::Kind::kResume); }

size_t LaneInstance::HelpersFor(const std::vector<HostJob>& batch) {
  const auto pictures =
      static_cast<size_t>(std::count_if(batch.begin(), batch.end(), [this](const HostJob& job) {
        return JobInputs::HavePictures(services_.info(), job.inputs);
      }));
  if (pictures == 0) return 0;
  // A lane that has nothing else to do takes its part.
  const bool busy = services_.waiting().load() > 0;
  return std::min<size_t>(busy ? pictures : pictures - 1, codecs_->most());
}

void LaneInstance::Run(std::vector<HostJob> batch) {
  const size_t helpers = HelpersFor(batch);
  LaneCommand command;
  if (helpers > 0 && untaken_.load() == 0 && batch.size() <= services_.jobs().max_batch()) {
    command.runs = services_.jobs().TryTake(batch.size());
  }
  if (command.runs.empty()) {
    untaken_.fetch_add(1);
    command.batch = std::move(batch);
    Post(std::move(command));
    return;
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    command.runs[i]->Take(std::move(batch[i]), static_cast<uint32_t>(batch.size()));
  }
  const auto work = std::make_shared<SharedWork>(
      command.runs.size(), [this, runs = command.runs](size_t i) { Decode(runs[i]); });
  command.decoding = work;
  Post(std::move(command));
  for (size_t i = 0; i < helpers; ++i) codecs_->Post([work] { work->Help(); });
}

void LaneInstance::Decode(JobRun* run) {
  if (Status status = run->Decode(limits_); !status.ok()) services_.Refuse(run, std::move(status));
}

void LaneInstance::Cancel(uint64_t token) {
  if (steps_) {
    Post(LaneCommand::Kind::kLook);
    return;
  }
  const dr_plugin_t& plugin = module_->table();
  if (plugin.cancel == nullptr) return;
  const std::lock_guard lock(infer_mutex_);
  if (!inferring_) return;
  for (JobRun* run : running_) {
    if (run->state() != JobRun::State::kOpen || run->job().token != token) continue;
    services_.CallAside([&] { plugin.cancel(instance_, run->abi()); });
  }
}

void LaneInstance::CarryOut(LaneCommand& command) {
  services_.EnterLane();
  switch (command.kind) {
    case LaneCommand::Kind::kLoad:
      LoadNow(command.memory);
      break;
    case LaneCommand::Kind::kRun:
      RunNow(command);
      break;
    case LaneCommand::Kind::kPause:
      if (steps_) steps_->Pause();
      break;
    case LaneCommand::Kind::kResume:
      if (steps_) steps_->Resume();
      break;
    case LaneCommand::Kind::kLook:  // to wake it is enough
      break;
    case LaneCommand::Kind::kUnload:
      UnloadNow();
      events_->OnUnloaded();
      break;
    case LaneCommand::Kind::kLeave:
      UnloadNow();
      break;
  }
  services_.TellMetrics();
  services_.waiting().fetch_sub(1);
}

bool LaneInstance::GoOn() {
  const bool more = steps_->GoOn();
  services_.TellMetrics();
  return more;
}

void LaneInstance::LoadNow(uint64_t memory) {
  if (loaded_) {
    events_->OnLoaded(Status::Ok(), 0);
    return;
  }
  services_.SetMemoryBudget(memory);
  lane_.memory_budget = memory == kNoMemoryLimit ? 0 : memory;
  const uint64_t start = NowNs();
  const dr_status given =
      services_.MakeCall(Phase::kLoad, [&] { return module_->table().load(instance_, &lane_); });
  Status status = services_.Explain(given, "load");
  loaded_ = true;  // unload follows a load that failed, too
  if (!status.ok()) UnloadNow();
  events_->OnLoaded(std::move(status), MsSince(start));
}

void LaneInstance::UnloadNow() {
  if (!loaded_) return;
  if (steps_) steps_->RunOut();
  services_.AwaitEncoded();  // from memory that may be the plugin's
  loaded_ = false;
  (void)services_.MakeCall(Phase::kUnload, [&] { module_->table().unload(instance_); });
  services_.ReleaseMemory();
}

Status LaneInstance::WhyNotRun(const LaneCommand& command) const {
  if (!loaded_) return Status::FailedPrecondition("the model " + model_ + " is not loaded");
  if (command.batch.size() <= lane_.max_batch) return Status::Ok();
  return Status::Internal("a batch of " + std::to_string(command.batch.size()) +
                          " jobs came to a lane for " + std::to_string(lane_.max_batch));
}

void LaneInstance::RefuseAll(LaneCommand& command, const Status& why) {
  if (command.decoding != nullptr) command.decoding->Finish();
  for (JobRun* run : command.runs) {
    if (run->state() != JobRun::State::kEnded) services_.Refuse(run, why);
    services_.jobs().LetGo(run);
  }
  for (const HostJob& job : command.batch) {
    JobResult result;
    result.status = why;
    result.batch_size = static_cast<uint32_t>(command.batch.size());
    events_->OnFinished(job.token, std::move(result));
  }
  if (!command.batch.empty()) untaken_.fetch_sub(1);
  events_->OnBatchDone();
}

bool LaneInstance::Prepare(LaneCommand* command, bool wait) {
  if (command->decoding != nullptr) {
    if (wait) command->decoding->Finish();
    return command->decoding->done();
  }
  std::vector<HostJob>& batch = command->batch;
  JobRuns& jobs = services_.jobs();
  command->runs = wait ? jobs.Take(batch.size()) : jobs.TryTake(batch.size());
  if (command->runs.empty()) return false;
  untaken_.fetch_sub(1);
  for (size_t i = 0; i < batch.size(); ++i) {
    command->runs[i]->Take(std::move(batch[i]), static_cast<uint32_t>(batch.size()));
    Decode(command->runs[i]);
  }
  return true;
}

void LaneInstance::RunNow(LaneCommand& command) {
  if (const Status why = WhyNotRun(command); !why.ok()) {
    RefuseAll(command, why);
    return;
  }
  if (steps_) {
    steps_->Add(std::move(command));
    return;
  }
  services_.StartBatch();
  (void)Prepare(&command, true);
  RunBatch(command.runs);
  services_.EndBatch();
  for (JobRun* run : command.runs) services_.jobs().LetGo(run);
  events_->OnBatchDone();
}

void LaneInstance::RunBatch(const std::vector<JobRun*>& runs) {
  running_.clear();
  for (JobRun* run : runs) {
    if (run->state() != JobRun::State::kEnded && services_.Open(run)) running_.push_back(run);
  }
  if (running_.empty()) return;
  const Status status = Infer();
  std::vector<JobRun*> left;
  for (JobRun* run : running_) {
    if (run->state() == JobRun::State::kOpen) left.push_back(run);
  }
  const bool alone = !status.ok() && running_.size() > 1 && !IsLost(status.code());
  for (JobRun* run : left) {
    if (alone) {
      RunAlone(run, status);
    } else {
      services_.EndJob(run, status);
    }
  }
}

// A batch that failed as a whole is tried job by job, so that one bad job fails alone, and so that
// what was too much for the device's memory is less.
void LaneInstance::RunAlone(JobRun* run, const Status& failed) {
  if (run->IsCancelled() || !run->violation().ok()) {
    services_.EndJob(run, failed);
    return;
  }
  run->ForgetOutputs();
  run->result().batch_size = 1;
  running_ = {run};
  const Status status = Infer();
  if (run->state() == JobRun::State::kOpen) services_.EndJob(run, status);
}

void LaneInstance::SetInferring(bool inferring) {
  const std::lock_guard lock(infer_mutex_);
  inferring_ = inferring;
}

Status LaneInstance::Infer() {
  abi_jobs_.clear();
  for (JobRun* run : running_) abi_jobs_.push_back(run->abi());
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
