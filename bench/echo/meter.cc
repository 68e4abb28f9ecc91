// SPDX-License-Identifier: Apache-2.0

#include "echo/meter.h"

#include <algorithm>
#include <cmath>

namespace darkroom {
namespace {

// The smallest value that at least `share` of all values do not exceed.
double Quantile(const std::vector<float>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1]);
}

}  // namespace

Meter::Meter() { latencies_us_.reserve(1 << 20); }

void Meter::OpenWindow() {
  std::lock_guard lock(mutex_);
  open_ = true;
  opened_ = BenchClock::now();
}

void Meter::CloseWindow() {
  std::lock_guard lock(mutex_);
  open_ = false;
  closed_ = BenchClock::now();
}

void Meter::Reply(BenchClock::time_point sent, BenchClock::time_point now) {
  std::lock_guard lock(mutex_);
  if (!open_) return;
  latencies_us_.push_back(std::chrono::duration<float, std::micro>(now - sent).count());
}

void Meter::Error(ReplyError error, const std::string& detail) {
  std::lock_guard lock(mutex_);
  if (errors_++ == 0) first_error_ = Words(error) + (detail.empty() ? "" : ": " + detail);
}

uint64_t Meter::errors() const {
  std::lock_guard lock(mutex_);
  return errors_;
}

MeterResult Meter::Finish() {
  std::lock_guard lock(mutex_);
  std::sort(latencies_us_.begin(), latencies_us_.end());
  MeterResult result;
  result.requests = latencies_us_.size();
  result.seconds = std::chrono::duration<double>(closed_ - opened_).count();
  if (result.seconds > 0) result.rps = static_cast<double>(result.requests) / result.seconds;
  result.p50_us = Quantile(latencies_us_, 0.5);
  result.p99_us = Quantile(latencies_us_, 0.99);
  result.p999_us = Quantile(latencies_us_, 0.999);
  result.max_us = Quantile(latencies_us_, 1);
  result.errors = errors_;
  result.first_error = first_error_;
  return result;
}

}  // namespace darkroom
