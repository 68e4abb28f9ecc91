// SPDX-License-Identifier: Apache-2.0

#include "host/job_run.h"

#include <utility>

#include "core/thread.h"
#include "host/lane_thread.h"

namespace darkroom::host {
namespace {

constexpr std::string_view kBeforeItRan = "before it ran";

}  // namespace

JobRun::JobRun(const std::shared_ptr<Module>& module, const ModelInfo& info)
    : info_(info), outputs_(module, info) {
  abi_.size = sizeof(dr_job_t);
}

bool JobRun::IsCancelled() const {
  if (job_.cancel != nullptr && job_.cancel->load(std::memory_order_relaxed) != 0) return true;
  return job_.deadline_ns != 0 && NowNs() >= job_.deadline_ns;
}

Status JobRun::WhyStopped(std::string_view when) const {
  if (job_.cancel != nullptr && job_.cancel->load() != 0) {
    return Status(Code::kCancelled, "cancelled " + std::string(when));
  }
  if (job_.deadline_ns != 0 && NowNs() >= job_.deadline_ns) {
    return Status(Code::kDeadlineExceeded, "its deadline passed " + std::string(when));
  }
  return Status::Ok();
}

bool JobRun::WantsPreview() const {
  if (job_.preview_out == nullptr || job_.preview_out->load(std::memory_order_relaxed) != 0) {
    return false;
  }
  return NowNs() >= preview_after_ns_.load(std::memory_order_relaxed);
}

void JobRun::NotePreview() {
  constexpr uint64_t kGapNs = std::chrono::nanoseconds(kPreviewGap).count();
  preview_after_ns_.store(NowNs() + kGapNs, std::memory_order_relaxed);
}

void JobRun::Take(HostJob job, uint32_t batch_size) {
  job_ = std::move(job);
  result_ = JobResult();
  result_.batch_size = batch_size;
  violated_.store(false, std::memory_order_relaxed);
  preview_after_ns_.store(0, std::memory_order_relaxed);
  state_.store(State::kFree, std::memory_order_release);
}

// In one order with a look at `cancel` that follows, as RemoteInstance::Cancel does it.
void JobRun::MarkBegun() {
  if (job_.started != nullptr) job_.started->store(ThreadId());
}

void JobRun::MarkWaiting() {
  if (job_.started != nullptr) job_.started->store(0);
}

Status JobRun::Decode(const ImageLimits& limits) {
  MarkBegun();
  if (Status status = WhyStopped(kBeforeItRan); !status.ok()) return status;
  const uint64_t start = NowNs();
  Status decoded = inputs_.Prepare(info_, job_.inputs, limits);
  result_.decode_ms = MsSince(start);
  if (!decoded.ok()) return decoded;
  abi_.input_count = inputs_.count();
  abi_.inputs = inputs_.list();
  abi_.id = job_.id.c_str();
  abi_.params = job_.params.empty() ? "{}" : job_.params.c_str();
  abi_.deadline_ns = job_.deadline_ns;
  // Who cancels it from here on is answered at once, and not when the lane has come to it.
  MarkWaiting();
  return WhyStopped(kBeforeItRan);  // decoding may have taken long
}

Status JobRun::Open() {
  MarkBegun();
  if (Status status = WhyStopped(kBeforeItRan); !status.ok()) return status;
  state_.store(State::kOpen, std::memory_order_release);
  return Status::Ok();
}

void JobRun::Clear() {
  outputs_.Clear();
  inputs_.Clear();
  job_.state.reset();
}

void JobRun::SetViolation(const std::string& words) {
  const std::lock_guard lock(violation_mutex_);
  if (violated_.load(std::memory_order_relaxed)) return;
  violation_ = words;
  violated_.store(true, std::memory_order_release);
}

Status JobRun::violation() {
  if (!violated_.load(std::memory_order_acquire)) return Status::Ok();
  const std::lock_guard lock(violation_mutex_);
  return Status::Internal(violation_);
}

}  // namespace darkroom::host
