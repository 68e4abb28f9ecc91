// SPDX-License-Identifier: Apache-2.0

#include "reply/receipt.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cmath>

#include "core/times.h"
#include "queue/model.h"

namespace darkroom {
namespace {

void Put(Envelope* envelope, const char* name, const std::string& value) {
  if (!value.empty()) envelope->Header(name, value);
}

void PutMs(Envelope* envelope, const char* name, double ms) {
  // By whole numbers, which take a third of the time of a double.
  const auto us = static_cast<int64_t>(std::llround(ms * 1000));
  envelope->Header(name, fmt::format(FMT_COMPILE("{}.{:03}"), us / 1000, us % 1000));
}

// What makes the same result again; empty where the model has no such parameter.
std::string SeedOf(const Job& job) {
  const nlohmann::json& schema = job.contract->info.params;
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->contains("seed")) return {};
  const nlohmann::json params = nlohmann::json::parse(*job.params);  // written by WriteJson
  const auto seed = params.find("seed");
  return seed == params.end() ? std::string() : seed->dump();
}

}  // namespace

Receipt ReceiptOf(const Job& job, const host::JobResult& result, const Device* device) {
  Receipt receipt;
  receipt.job = job.id;
  receipt.attempts = job.attempts;
  receipt.trace = job.trace.context;
  if (job.attempts == 0) return receipt;
  receipt.seed = SeedOf(job);
  if (device != nullptr) receipt.device = device->id;
  receipt.queue_ms = Ms(job.started - job.accepted) - job.load_ms;
  receipt.waited = job.waited;
  receipt.load_ms = job.load_ms;
  receipt.run_ms = result.decode_ms + result.infer_ms + result.encode_ms;
  receipt.resumed_at = result.resumed_at;
  return receipt;
}

void WriteTrace(const TraceContext& trace, Envelope* envelope) {
  if (!trace) return;
  envelope->Header(kTraceParent, trace.Parent());
  Put(envelope, kTraceState, trace.state);
}

void Receipt::WriteTo(Envelope* envelope) const {
  Put(envelope, "Darkroom-Job", job);
  if (model != nullptr) {
    Put(envelope, "Darkroom-Model", model->model);
    Put(envelope, "Darkroom-Plugin", model->plugin);
    Put(envelope, "Darkroom-Weights", model->weights);
    Put(envelope, "Darkroom-Host", model->host);
  }
  WriteTrace(trace, envelope);
  if (attempts == 0) return;
  Put(envelope, "Darkroom-Seed", seed);
  Put(envelope, "Darkroom-Device", device);
  PutMs(envelope, "Darkroom-Queue-Ms", queue_ms);
  Put(envelope, "Darkroom-Waited", waited);
  PutMs(envelope, "Darkroom-Load-Ms", load_ms);
  PutMs(envelope, "Darkroom-Run-Ms", run_ms);
  Put(envelope, "Darkroom-Attempts", fmt::format_int(attempts).str());
  if (resumed_at > 0) Put(envelope, "Darkroom-Resumed-At", fmt::format_int(resumed_at).str());
}

}  // namespace darkroom
