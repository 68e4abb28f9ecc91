// SPDX-License-Identifier: Apache-2.0

#include "host/lane_services.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>
#include <vector>

#include "host/lane_thread.h"
#include "host/preview.h"

namespace darkroom::host {
LaneServices::LaneServices(const std::shared_ptr<Module>& module, ModelInfo info,
                           const LaneSpec& lane, std::shared_ptr<TaskThreads> codecs,
                           Events* events)
    : HostServices(module->info().id, &module->metrics(), &sums_),
      events_(events),
      sim_{sizeof(dr_sim_t), lane.sim_index, lane.sim_speed},
      stepwise_(module->stepwise() != nullptr),
      info_(std::move(info)),
      jobs_(module, info_, std::max(lane.max_batch, 1U)),
      codecs_(std::move(codecs)) {}

const void* LaneServices::Extension(std::string_view id) {
  if (id == DR_PREVIEW_1) return PreviewTable();
  return id == DR_EXT_SIM && sim_.speed > 0 ? &sim_ : nullptr;
}

void LaneServices::TellMetrics() {
  auto changed = metrics().Changed(sums_, &told_);
  if (!changed.empty()) events_->OnMetrics(std::move(changed));
}

bool LaneServices::Open(JobRun* run) {
  if (Status status = run->Open(); !status.ok()) {
    Refuse(run, std::move(status));
    return false;
  }
  ++open_;
  return true;
}

void LaneServices::StartBatch() { batch_start_ns_ = NowNs(); }

void LaneServices::StartInfer() { infer_start_ns_ = NowNs(); }

void LaneServices::EndBatch() {
  batch_start_ns_ = 0;
  infer_start_ns_ = 0;
}

void LaneServices::EndJob(JobRun* run, Status status) {
  JobResult& result = run->result();
  if (infer_start_ns_ != 0) result.infer_ms = MsSince(infer_start_ns_);
  result.lane_ms = batch_start_ns_ != 0 ? MsSince(batch_start_ns_) : result.infer_ms;
  if (status.ok()) {
    if (const ValueInfo* missing = run->outputs().Missing(); missing != nullptr) {
      Violate(run, "ended a job well without its output \"" + missing->name + "\"");
    }
  }
  if (Status violation = run->violation(); !violation.ok()) status = std::move(violation);
  run->End();
  result.out_of_memory = status.code() == Code::kResourceExhausted;
  result.status = std::move(status);
  --open_;
  const bool busy = open_ > 0 || waiting_.load(std::memory_order_relaxed) > 1;
  const bool worth_it = busy && codecs_->most() > 0;
  if (worth_it && result.status.ok() && run->outputs().HavePictures()) {
    HandOver(run);
  } else {
    Conclude(run);
  }
}

void LaneServices::HandOver(JobRun* run) {
  run->MarkWaiting();
  run->Hold();
  {
    const std::lock_guard lock(encoding_mutex_);
    ++encoding_;
  }
  codecs_->Post([this, run] {
    run->MarkBegun();
    Conclude(run);
    jobs_.LetGo(run);
    // Notified under the lock: whoever waits may destroy this then.
    const std::lock_guard lock(encoding_mutex_);
    if (--encoding_ == 0) encoded_.notify_all();
  });
}

void LaneServices::AwaitEncoded() {
  std::unique_lock lock(encoding_mutex_);
  encoded_.wait(lock, [this] { return encoding_ == 0; });
}

Status LaneServices::EncodeOutputs(JobRun* run, JobResult* result) {
  try {
    Result<std::vector<host::Output>> outputs = run->outputs().Encode(run->job().form, run->icc());
    if (!outputs.ok()) return outputs.status();
    result->outputs = *std::move(outputs);
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("no host memory to encode the outputs");
  }
}

void LaneServices::Conclude(JobRun* run) {
  JobResult result = std::move(run->result());
  if (result.status.ok()) {
    const uint64_t start = NowNs();
    result.status = EncodeOutputs(run, &result);
    result.encode_ms = MsSince(start);
  }
  const uint64_t token = run->job().token;
  run->Clear();
  events_->OnFinished(token, std::move(result));
}

void LaneServices::Refuse(JobRun* run, Status status) {
  run->End();
  run->result().status = std::move(status);
  Conclude(run);
}

void LaneServices::ReleaseMemory() {
  const LaneMemory::Left left = memory_.ReleaseAll();
  if (left.leases == 0 && left.blocks == 0) return;
  Misbehaved("left " + std::to_string(left.leases) + " leases and " + std::to_string(left.blocks) +
             " blocks of memory behind in unload, " + std::to_string(left.bytes) + " bytes");
}

bool LaneServices::CheckLane(const char* function) {
  const Phase now = phase();
  if (now != Phase::kLoad && now != Phase::kInfer && now != Phase::kUnload) {
    Misbehaved(std::string("called ") + function + "() outside load, infer and unload");
    return false;
  }
  if (std::this_thread::get_id() != lane_.load(std::memory_order_relaxed)) {
    Misbehaved(std::string("called ") + function + "() on a thread that is not its lane");
    return false;
  }
  return true;
}

void LaneServices::Violate(JobRun* run, const std::string& what) {
  Misbehaved(what);
  run->SetViolation("plugin misbehaved: " + plugin_id() + " " + what);
}

JobRun* LaneServices::CheckJob(const dr_job_t* job, const char* function) {
  const std::string call = std::string("called ") + function + "()";
  JobRun* run = jobs_.Find(job);
  if (phase() != Phase::kInfer) {
    Misbehaved(call + " outside infer");
    return nullptr;
  }
  if (run == nullptr || run->state() == JobRun::State::kFree) {
    Misbehaved(call + " with a job that it was not given");
    return nullptr;
  }
  const bool open = run->state() == JobRun::State::kOpen;
  if (std::this_thread::get_id() != lane_.load(std::memory_order_relaxed)) {
    const std::string what = call + " on a thread that is not its lane";
    if (open) {
      Violate(run, what);
    } else {
      Misbehaved(what);
    }
    return nullptr;
  }
  if (!open) {
    Misbehaved(call + " on a job that has ended: " + run->job().id);
    return nullptr;
  }
  return run;
}

dr_status LaneServices::Reject(JobRun* run, const Status& status) {
  if (status.code() == Code::kInternal) Violate(run, status.message());
  return Fail(status);
}

dr_status LaneServices::Reserve(uint64_t bytes, dr_lease_t** lease) {
  if (!CheckLane("reserve") || lease == nullptr) {
    return Fail(Status::Internal("reserve() was called wrongly"));
  }
  if (const uint64_t more = memory_.Missing(bytes); more > 0) {
    if (const Status given = AskFor(more); !given.ok()) return Fail(given);
    memory_.AddToBudget(more);
  }
  Result<dr_lease_t*> reserved = memory_.Reserve(bytes);
  if (!reserved.ok()) return Fail(reserved.status());
  *lease = *reserved;
  return DR_OK;
}

Status LaneServices::AskFor(uint64_t bytes) {
  {
    const std::lock_guard lock(reserve_mutex_);
    answer_.reset();
  }
  events_->OnReserve(bytes);
  std::unique_lock lock(reserve_mutex_);
  answered_.wait(lock, [this] { return answer_.has_value(); });
  return *answer_;
}

void LaneServices::AnswerReserve(const Status& status) {
  const std::lock_guard lock(reserve_mutex_);
  answer_ = status;
  answered_.notify_one();
}

void LaneServices::Release(dr_lease_t* lease) {
  if (lease == nullptr || !CheckLane("release")) return;
  if (!memory_.Release(lease)) Misbehaved("called release() with a lease that is not its own");
}

dr_status LaneServices::Allocate(dr_device_t device, uint64_t bytes, void** data) {
  if (!CheckLane("alloc") || data == nullptr) {
    return Fail(Status::Internal("alloc() was called wrongly"));
  }
  Result<void*> allocated = memory_.Allocate(device, bytes);
  if (!allocated.ok()) return Fail(allocated.status());
  *data = *allocated;
  return DR_OK;
}

void LaneServices::Free(void* data) {
  if (data == nullptr || !CheckLane("free")) return;
  if (!memory_.Free(data)) Misbehaved("called free() with memory that is not its own");
}

bool LaneServices::IsCancelled(const dr_job_t* job) {
  JobRun* run = jobs_.Find(job);
  // A job that is over needs no more work, whoever asks.
  return run == nullptr || run->state() != JobRun::State::kOpen || run->IsCancelled();
}

void LaneServices::Progress(const dr_job_t* job, double fraction, std::string_view stage) {
  JobRun* run = jobs_.Find(job);
  if (phase() != Phase::kInfer || run == nullptr || run->state() != JobRun::State::kOpen) {
    Misbehaved("called progress() with a job that is not running");
    return;
  }
  if (std::isnan(fraction)) {
    Misbehaved("called progress() with a fraction that is not a number");
    return;
  }
  events_->OnProgress(run->job().token, std::clamp(fraction, 0.0, 1.0), stage);
}

dr_status LaneServices::Output(const dr_job_t* job, const char* name, const dr_tensor_t* like,
                               dr_tensor_t* out) {
  JobRun* run = CheckJob(job, "output");
  if (run == nullptr) return Fail(Status::Internal("output() was called wrongly"));
  if (name == nullptr || like == nullptr || out == nullptr) {
    return Reject(run, Status::Internal("called output() with a null pointer"));
  }
  const Status status = run->outputs().Allocate(name, *like, run->job().memory, out);
  return status.ok() ? DR_OK : Reject(run, status);
}

dr_status LaneServices::Adopt(const dr_job_t* job, const char* name, dr_managed_tensor_t* tensor) {
  JobRun* run = CheckJob(job, "adopt");
  if (run != nullptr && name != nullptr && tensor != nullptr) {
    const Status status = run->outputs().Adopt(name, tensor);
    return status.ok() ? DR_OK : Reject(run, status);
  }
  if (tensor != nullptr && tensor->deleter != nullptr) tensor->deleter(tensor);
  if (run != nullptr) {
    return Reject(run, Status::Internal("called adopt() with a null pointer"));
  }
  return Fail(Status::Internal("adopt() was called wrongly"));
}

void LaneServices::Finish(const dr_job_t* job, dr_status status) {
  JobRun* run = CheckJob(job, "finish");
  if (run == nullptr) return;
  if (stepwise_) {
    Violate(run, "called finish() on a job that runs in steps");
  } else {
    EndJob(run, Explain(status, "finish"));
  }
}

bool LaneServices::WantsPreview(const dr_job_t* job) {
  const JobRun* const run = jobs_.Find(job);
  return run != nullptr && run->state() == JobRun::State::kOpen && run->WantsPreview();
}

dr_status LaneServices::ShowPreview(const dr_job_t* job, const dr_tensor_t* picture) {
  JobRun* const run = CheckJob(job, "show");
  if (run == nullptr) return Fail(Status::Internal("show() was called wrongly"));
  if (picture == nullptr) {
    return Reject(run, Status::Internal("called show() with a null pointer"));
  }
  if (const Status fit = CheckPreview(*picture); !fit.ok()) return Reject(run, fit);
  if (!run->WantsPreview()) return DR_OK;
  run->NotePreview();
  // One that cannot be encoded is no loss.
  if (Buffer jpeg = EncodePreview(*picture); !jpeg.empty()) {
    run->job().preview_out->store(1, std::memory_order_relaxed);
    events_->OnPreview(run->job().token, std::move(jpeg));
  }
  return DR_OK;
}

}  // namespace darkroom::host
