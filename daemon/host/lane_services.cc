// SPDX-License-Identifier: Apache-2.0

#include "host/lane_services.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>
#include <vector>

#include "host/lane_thread.h"

namespace darkroom::host {
namespace {

double Milliseconds(uint64_t from_ns, uint64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / 1e6;
}

}  // namespace

LaneServices::LaneServices(const std::shared_ptr<Module>& module, const LaneSpec& lane,
                           Events* events)
    : HostServices(module->info().id, &module->metrics()),
      events_(events),
      memory_(lane.memory_budget),
      jobs_(module, std::max(lane.max_batch, 1U)) {}

void LaneServices::StartBatch(uint32_t size, double load_ms) {
  batch_size_ = size;
  load_ms_ = load_ms;
  infer_start_ns_ = 0;
}

void LaneServices::StartInfer() { infer_start_ns_ = NowNs(); }

Status LaneServices::EncodeOutputs(JobRun* run, JobResult* result) {
  if (const ValueInfo* missing = run->outputs().Missing(); missing != nullptr) {
    Violate(run, "ended a job well without its output \"" + missing->name + "\"");
    return run->violation();
  }
  try {
    Result<std::vector<host::Output>> outputs = run->outputs().Encode(run->job().form, run->icc());
    if (!outputs.ok()) return outputs.status();
    result->outputs = *std::move(outputs);
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("no host memory to encode the outputs");
  }
}

void LaneServices::EndJob(JobRun* run, Status status) {
  JobResult result;
  const uint64_t start = NowNs();
  if (Status violation = run->violation(); !violation.ok()) status = std::move(violation);
  if (status.ok()) {
    status = EncodeOutputs(run, &result);
    result.encode_ms = Milliseconds(start, NowNs());
  }
  result.status = std::move(status);
  result.load_ms = load_ms_;
  result.decode_ms = run->decode_ms();
  result.infer_ms = infer_start_ns_ == 0 ? 0 : Milliseconds(infer_start_ns_, start);
  result.batch_size = batch_size_;
  const uint64_t token = run->job().token;
  run->End();
  events_->OnFinished(token, std::move(result));
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

dr_status LaneServices::Refuse(JobRun* run, const Status& status) {
  if (status.code() == Code::kInternal) Violate(run, status.message());
  return Fail(status);
}

dr_status LaneServices::Reserve(uint64_t bytes, dr_lease_t** lease) {
  if (!CheckLane("reserve") || lease == nullptr) {
    return Fail(Status::Internal("reserve() was called wrongly"));
  }
  Result<dr_lease_t*> reserved = memory_.Reserve(bytes);
  if (!reserved.ok()) return Fail(reserved.status());
  *lease = *reserved;
  return DR_OK;
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
    return Refuse(run, Status::Internal("called output() with a null pointer"));
  }
  const Status status = run->outputs().Allocate(name, *like, run->job().memory, out);
  return status.ok() ? DR_OK : Refuse(run, status);
}

dr_status LaneServices::Adopt(const dr_job_t* job, const char* name, dr_managed_tensor_t* tensor) {
  JobRun* run = CheckJob(job, "adopt");
  if (run != nullptr && name != nullptr && tensor != nullptr) {
    const Status status = run->outputs().Adopt(name, tensor);
    return status.ok() ? DR_OK : Refuse(run, status);
  }
  if (tensor != nullptr && tensor->deleter != nullptr) tensor->deleter(tensor);
  if (run != nullptr) {
    return Refuse(run, Status::Internal("called adopt() with a null pointer"));
  }
  return Fail(Status::Internal("adopt() was called wrongly"));
}

void LaneServices::Finish(const dr_job_t* job, dr_status status) {
  if (JobRun* run = CheckJob(job, "finish"); run != nullptr) EndJob(run, Explain(status, "finish"));
}

}  // namespace darkroom::host
