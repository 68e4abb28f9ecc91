// SPDX-License-Identifier: Apache-2.0

#include "control/job_metrics.h"

#include <algorithm>

#include "queue/model.h"

namespace darkroom {
namespace {

// Seconds: from a cached embedding to a picture of many steps.
prometheus::Histogram::BucketBoundaries Seconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
}

prometheus::Histogram::BucketBoundaries BatchSizes() { return {1, 2, 4, 8, 16, 32, 64}; }

double SecondsOf(Job::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Histogram>& Histograms(prometheus::Registry& registry,
                                                      const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

JobMetrics::JobMetrics()
    : jobs_(Counters(registry_, "darkroom_jobs_total", "Jobs that have ended, by how.")),
      durations_(Histograms(registry_, "darkroom_job_duration_seconds",
                            "Time that jobs spent in each phase, of those that ran.")),
      batch_sizes_(Histograms(registry_, "darkroom_batch_size",
                              "Jobs that shared a run, as each of them saw it.")),
      retries_(Counters(registry_, "darkroom_job_retries_total",
                        "Attempts beyond a job's first on this host.")),
      resumed_(Counters(registry_, "darkroom_jobs_resumed_total",
                        "Jobs that went on at a step that another attempt had reached.")),
      refused_(Counters(registry_, "darkroom_requests_refused_total",
                        "Requests that did not become a job, by the error they got.")),
      dead_letters_(Counters(registry_, "darkroom_dead_letters_total",
                             "Durable jobs that failed for good.")) {}

JobMetrics::OfModel& JobMetrics::Of(const std::string& model) {
  const auto [at, is_new] = models_.try_emplace(model);
  OfModel& of = at->second;
  if (!is_new) return of;
  constexpr std::array<const char*, kPhases> kNames = {"queue", "load", "decode", "infer",
                                                       "encode"};
  for (size_t phase = 0; phase < kPhases; ++phase) {
    of.phases[phase] = &durations_.Add({{"model", model}, {"phase", kNames[phase]}}, Seconds());
  }
  of.batch_size = &batch_sizes_.Add({{"model", model}}, BatchSizes());
  of.retries = &retries_.Add({{"model", model}});
  return of;
}

void JobMetrics::Ended(const Job& job, const host::JobResult& result) {
  const std::string& model = job.model->config.name;
  OfModel& of = Of(model);
  prometheus::Counter*& counter = of.jobs[{job.job_class, job.state}];
  if (counter == nullptr) {
    counter = &jobs_.Add({{"model", model},
                          {"class", std::string(kJobClasses[static_cast<size_t>(job.job_class)])},
                          {"outcome", std::string(JobStateName(job.state))}});
  }
  counter->Increment();
  if (!result.status.ok()) Keep(model, job.id, result.status);
  if (job.attempts == 0) return;
  if (job.attempts > 1) of.retries->Increment(job.attempts - 1);
  if (result.resumed_at > 0) resumed_.Add({{"model", model}}).Increment();
  const double load = job.load_ms / 1000;
  of.phases[kQueue]->Observe(std::max(SecondsOf(job.started - job.accepted) - load, 0.0));
  of.phases[kLoad]->Observe(load);
  of.phases[kDecode]->Observe(result.decode_ms / 1000);
  of.phases[kInfer]->Observe(result.infer_ms / 1000);
  of.phases[kEncode]->Observe(result.encode_ms / 1000);
  of.batch_size->Observe(result.batch_size);
}

void JobMetrics::Refused(const std::string& model, const std::string& job, const Status& why) {
  refused_.Add({{"model", model}, {"code", std::string(CodeName(why.code()))}}).Increment();
  Keep(model, job, why);
}

void JobMetrics::DeadLettered(const std::string& model) {
  dead_letters_.Add({{"model", model}}).Increment();
}

void JobMetrics::Keep(const std::string& model, const std::string& job, const Status& status) {
  errors_.push_front({std::chrono::system_clock::now(), job, model, status});
  if (errors_.size() > kErrorsKept) errors_.pop_back();
}

}  // namespace darkroom
