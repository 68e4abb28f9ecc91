// SPDX-License-Identifier: Apache-2.0

#include "reply/tracer.h"

#include <fmt/format.h>

#include <utility>

#include "core/digest.h"
#include "queue/model.h"

namespace darkroom {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;

std::string_view HeaderOf(const Message& message, const char* name) {
  return message.Header(name).value_or(std::string_view());
}

void AddRun(const host::JobResult& result, const Device* device, Span* span) {
  auto& attributes = span->attributes;
  if (device != nullptr) attributes.emplace_back("darkroom.device", device->id);
  attributes.emplace_back("darkroom.batch.size", int64_t{result.batch_size});
  if (result.steps > 0) attributes.emplace_back("darkroom.steps", int64_t{result.steps});
}

// Names of the configuration, of plugins and of closed lists, and the job's id: nothing that a
// request holds, and no error's words, which may quote it.
void AddJob(const Job& job, const host::JobResult& result, const Device* device, Span* span) {
  auto& attributes = span->attributes;
  const ModelInfo& info = job.contract->info;
  attributes.emplace_back("messaging.system", "nats");
  attributes.emplace_back("messaging.operation.type", "process");
  attributes.emplace_back("darkroom.job.id", job.id);
  attributes.emplace_back("darkroom.job.class",
                          std::string(kJobClasses[static_cast<size_t>(job.job_class)]));
  attributes.emplace_back("darkroom.job.state",
                          std::string(JobStateName(TerminalState(result.status.code()))));
  attributes.emplace_back("darkroom.job.attempts", int64_t{job.attempts});
  attributes.emplace_back("darkroom.model", job.model->config.name);
  attributes.emplace_back("darkroom.plugin", info.id);
  attributes.emplace_back("darkroom.plugin.version", info.version);
  if (job.attempts > 0) AddRun(result, device, span);
  if (result.status.ok()) return;
  attributes.emplace_back("error.type", std::string(CodeName(result.status.code())));
  span->error = true;
}

}  // namespace

TraceContext TraceOf(const Message& message) {
  std::string_view parent = HeaderOf(message, kTraceParent);
  std::string_view state = HeaderOf(message, kTraceState);
  // As some clients write every header's name.
  if (parent.empty()) parent = HeaderOf(message, "Traceparent");
  if (state.empty()) state = HeaderOf(message, "Tracestate");
  return ParseTraceContext(parent, state);
}

Tracer::Tracer(double ratio, JobSpans::Take take) : ratio_(ratio), take_(std::move(take)) {
  std::random_device device;
  random_.seed((static_cast<uint64_t>(device()) << 32) | device());
}

std::string Tracer::MakeId(size_t digits) {
  std::string id;
  do {
    id.clear();
    while (id.size() < digits) id += fmt::format("{:016x}", random_());
  } while (id.find_first_not_of('0') == std::string::npos);  // which would be none
  return id;
}

JobTrace Tracer::Begin(const Message& message, std::string_view durable) {
  JobTrace trace;
  trace.context = TraceOf(message);
  if (take_ == nullptr || (trace.context && !trace.context.sampled)) return trace;
  if (trace.context) {
    trace.parent = std::exchange(trace.context.span_id, MakeId(kSpanDigits));
    trace.recorded = true;
    return trace;
  }
  trace.context.trace_id =
      durable.empty() ? MakeId(kTraceDigits) : Sha256Of(AsBytes(durable)).substr(0, kTraceDigits);
  trace.context.span_id = MakeId(kSpanDigits);
  trace.context.sampled = IsInSample(trace.context.trace_id, ratio_);
  trace.recorded = trace.context.sampled;
  return trace;
}

std::shared_ptr<JobSpans> Tracer::End(const Job& job, const host::JobResult& result,
                                      const Device* device) {
  if (!job.trace.recorded) return nullptr;
  const auto now = Job::Clock::now();
  const auto wall = std::chrono::system_clock::now();
  const auto at = [&](Job::Clock::time_point time) {
    return wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(now - time);
  };
  const TraceContext& context = job.trace.context;
  Span own;
  own.trace_id = context.trace_id;
  own.span_id = context.span_id;
  own.parent = job.trace.parent;
  own.remote = !job.trace.parent.empty();
  own.state = context.state;
  own.name = "process " + job.model->config.name;
  own.kind = job.sink == nullptr ? Span::Kind::kServer : Span::Kind::kConsumer;
  own.start = at(job.accepted);
  own.end = wall;
  AddJob(job, result, device, &own);

  Span step;
  step.trace_id = context.trace_id;
  step.parent = context.span_id;
  step.state = context.state;
  std::vector<Span> spans = {std::move(own)};
  const auto returned = job.trace.returned == Job::Clock::time_point{} ? now : job.trace.returned;
  for (const JobPhase& phase : PhasesOf(job, result, returned)) {
    Span& span = spans.emplace_back(step);
    span.span_id = MakeId(kSpanDigits);
    span.name = phase.name;
    span.start = at(phase.start);
    span.end = at(phase.end);
    if (span.name == "infer") AddRun(result, device, &span);
  }
  step.span_id = MakeId(kSpanDigits);
  step.name = "publish";
  step.kind = Span::Kind::kProducer;
  step.start = at(returned);
  return std::make_shared<JobSpans>(std::move(spans), std::move(step), returned, take_);
}

}  // namespace darkroom
