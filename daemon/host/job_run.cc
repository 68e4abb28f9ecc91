// SPDX-License-Identifier: Apache-2.0

#include "host/job_run.h"

#include <utility>

#include "core/thread.h"
#include "host/lane_thread.h"

namespace darkroom::host {

JobRun::JobRun(std::shared_ptr<Module> module) : module_(std::move(module)), outputs_(module_) {
  abi_.size = sizeof(dr_job_t);
}

bool JobRun::IsCancelled() const {
  if (job_.cancel != nullptr && job_.cancel->load(std::memory_order_relaxed) != 0) return true;
  return job_.deadline_ns != 0 && NowNs() >= job_.deadline_ns;
}

Status JobRun::CheckWaiting() const {
  if (job_.cancel != nullptr && job_.cancel->load() != 0) {
    return Status(Code::kCancelled, "cancelled before it ran");
  }
  if (job_.deadline_ns != 0 && NowNs() >= job_.deadline_ns) {
    return Status(Code::kDeadlineExceeded, "its deadline passed before it ran");
  }
  return Status::Ok();
}

Status JobRun::Begin(HostJob job, const ImageLimits& limits) {
  job_ = std::move(job);
  decode_ms_ = 0;
  // In one order with the look at `cancel` that follows, as RemoteInstance::Cancel does it.
  if (job_.started != nullptr) job_.started->store(ThreadId());
  violated_.store(false, std::memory_order_relaxed);
  if (Status status = CheckWaiting(); !status.ok()) return status;
  const uint64_t start = NowNs();
  Status decoded = inputs_.Prepare(module_->info(), job_.inputs, limits);
  decode_ms_ = static_cast<double>(NowNs() - start) / 1e6;
  if (!decoded.ok()) return decoded;
  abi_.input_count = inputs_.count();
  abi_.inputs = inputs_.list();
  abi_.id = job_.id.c_str();
  abi_.params = job_.params.empty() ? "{}" : job_.params.c_str();
  abi_.deadline_ns = job_.deadline_ns;
  return CheckWaiting();  // decoding may have taken long
}

void JobRun::End() {
  state_.store(State::kEnded, std::memory_order_release);
  outputs_.Clear();
  inputs_.Clear();
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

JobRuns::JobRuns(const std::shared_ptr<Module>& module, uint32_t max_batch)
    : max_batch_(max_batch) {
  for (uint32_t i = 0; i < 2 * max_batch; ++i) runs_.push_back(std::make_unique<JobRun>(module));
}

JobRun* JobRuns::Find(const dr_job_t* job) {
  for (const std::unique_ptr<JobRun>& run : runs_) {
    if (run->abi() == job) return run.get();
  }
  return nullptr;
}

}  // namespace darkroom::host
