// SPDX-License-Identifier: Apache-2.0

#include "host/checkpoints.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "host/lane_thread.h"

namespace darkroom::host {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// The part of the time that may go into states: one of so many.
constexpr uint64_t kPart = 20;

// What a plugin hands over by `write`, in as many pieces as it likes.
struct Collected {
  std::vector<std::byte> bytes;
  bool too_many = false;
};

// Nothing may be thrown through the plugin's frames.
dr_status Collect(void* context, const void* data, uint64_t bytes) noexcept {
  auto* const out = static_cast<Collected*>(context);
  out->too_many = out->too_many || bytes > kMostStateBytes - out->bytes.size();
  if (out->too_many || (data == nullptr && bytes > 0)) return DR_RESOURCE_EXHAUSTED;
  const auto* const from = static_cast<const std::byte*>(data);
  try {
    out->bytes.insert(out->bytes.end(), from, from + bytes);
  } catch (const std::bad_alloc&) {
    return DR_RESOURCE_EXHAUSTED;
  }
  return DR_OK;
}

Buffer ToBuffer(std::vector<std::byte> bytes) {
  auto* const owner = new std::vector<std::byte>(std::move(bytes));
  return Buffer::Adopt(owner->data(), owner->size(), owner,
                       [](void* held) { delete static_cast<std::vector<std::byte>*>(held); });
}

}  // namespace

uint64_t Checkpoints::FirstAt(const JobRun& run) {
  const auto every = static_cast<uint64_t>(run.job().save_every.count());
  return every == 0 ? 0 : NowNs() + every * kNsPerMs;
}

bool Checkpoints::TakeUp(JobRun* run, dr_run_t** plugin_run, Status* status) {
  const std::shared_ptr<const SavedState> state = run->job().state;
  if (table_ == nullptr || state == nullptr) return false;
  const dr_status given = services_->MakeCall(Phase::kInfer, [&] {
    return table_->restore(instance_, run->abi(), state->bytes.data(), state->bytes.size(),
                           plugin_run);
  });
  *status = services_->Explain(given, "restore");
  if (status->code() == Code::kFailedPrecondition) {
    services_->Log(LogLevel::kWarning, run->job().id + " begins anew, its state of step " +
                                           std::to_string(state->step) +
                                           " is none of it: " + status->message());
    *plugin_run = nullptr;
    return false;
  }
  if (status->ok()) run->result().resumed_at = state->step;
  return true;
}

void Checkpoints::Warn(const JobRun& run, const std::string& why) {
  if (std::exchange(warned_, true)) return;
  services_->Log(LogLevel::kWarning, run.job().id + " goes on without a state: " + why);
}

void Checkpoints::SaveIfDue(JobRun* run, dr_run_t* plugin_run, uint64_t* at) {
  const uint64_t start = NowNs();
  if (table_ == nullptr || *at == 0 || start < *at) return;
  *at = 0;
  Collected collected;
  const dr_status given = services_->MakeCall(
      Phase::kInfer, [&] { return table_->save(instance_, plugin_run, Collect, &collected); });
  const Status status = services_->Explain(given, "save");
  if (collected.too_many) {
    Warn(*run, "the plugin's has more than " + std::to_string(kMostStateBytes >> 20) + " MiB");
    return;
  }
  if (!status.ok() || collected.bytes.empty()) {
    Warn(*run, status.ok() ? "the plugin gave none" : status.message());
    return;
  }
  SavedState state;
  state.step = run->result().resumed_at + run->result().steps;
  state.bytes = ToBuffer(std::move(collected.bytes));
  events_->OnSaved(run->job().token, std::move(state));
  const uint64_t took = NowNs() - start;
  const auto every = static_cast<uint64_t>(run->job().save_every.count()) * kNsPerMs;
  *at = start + took + std::max(every, took * (kPart - 1));
}

}  // namespace darkroom::host
