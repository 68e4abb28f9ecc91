// SPDX-License-Identifier: Apache-2.0

#include "reply/job_spans.h"

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

using Time = Job::Clock::time_point;

Job::Clock::duration Length(double ms) {
  return std::chrono::duration_cast<Job::Clock::duration>(
      std::chrono::duration<double, std::milli>(std::max(ms, 0.0)));
}

}  // namespace

std::vector<JobPhase> PhasesOf(const Job& job, const host::JobResult& result, Time end) {
  const bool given_out = job.attempts > 0;
  const Time started = given_out ? std::clamp(job.started, job.accepted, end) : end;
  const Time load = std::max(job.accepted, started - Length(given_out ? job.load_ms : 0));
  std::vector<JobPhase> phases = {{"queue", job.accepted, load}};
  if (load < started) phases.push_back({"load", load, started});
  if (!given_out) return phases;

  const Time decoded = std::min(end, started + Length(result.decode_ms));
  const Time encode = std::max(decoded, end - Length(result.encode_ms));
  const Time infer = std::max(decoded, encode - Length(result.infer_ms));
  const bool all = result.status.ok();
  if (all || result.decode_ms > 0) phases.push_back({"decode", started, decoded});
  if (all || result.infer_ms > 0) phases.push_back({"infer", infer, encode});
  if (all || result.encode_ms > 0) phases.push_back({"encode", encode, end});
  return phases;
}

JobSpans::JobSpans(std::vector<Span> spans, Span publish, Time began, Take take)
    : spans_(std::move(spans)),
      publish_(std::move(publish)),
      began_(began),
      take_(std::move(take)) {}

JobSpans::~JobSpans() { take_(std::move(spans_)); }

void JobSpans::Published(bool sent) {
  // By the clock that nobody sets: the wall's may have been meanwhile.
  const auto passed = Job::Clock::now() - began_;
  publish_.end =
      publish_.start + std::chrono::duration_cast<std::chrono::system_clock::duration>(passed);
  publish_.error = !sent;
  spans_.front().end = publish_.end;
  spans_.push_back(std::move(publish_));
}

}  // namespace darkroom
