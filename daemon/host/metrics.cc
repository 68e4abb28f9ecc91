// SPDX-License-Identifier: Apache-2.0

#include "host/metrics.h"

#include <cmath>

namespace darkroom::host {

Result<uint32_t> Metrics::Define(MetricKind kind, std::string_view name, std::string_view help) {
  if (!IsMetricName(name)) {
    return Status::InvalidArgument("a metric's name must be of a-z, 0-9 and _, at most 64");
  }
  const uint32_t count = defined_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    if (entries_[i].name != name) continue;
    if (entries_[i].kind == kind) return i;
    return Status::InvalidArgument("the metric " + std::string(name) +
                                   " is defined already, as another kind");
  }
  if (count == kMostMetrics) {
    return Status::ResourceExhausted("a plugin may define " + std::to_string(kMostMetrics) +
                                     " metrics");
  }
  entries_[count] = {kind, std::string(name), std::string(help)};
  defined_.store(count + 1, std::memory_order_release);
  return count;
}

bool Metrics::Add(uint32_t metric, double value, MetricSums* sums) const {
  if (metric >= defined_.load(std::memory_order_acquire) || !std::isfinite(value)) return false;
  if (entries_[metric].kind == MetricKind::kCounter && value < 0) return false;
  sums->values[metric].fetch_add(value, std::memory_order_relaxed);
  // Whoever sees this one sees what was added with it.
  sums->counts[metric].fetch_add(1, std::memory_order_release);
  return true;
}

MetricValue Metrics::ValueOf(uint32_t metric, const MetricSums& sums) const {
  const Entry& entry = entries_[metric];
  const uint64_t count = sums.counts[metric].load(std::memory_order_acquire);
  const double value = sums.values[metric].load(std::memory_order_relaxed);
  return {entry.kind, entry.name, entry.help, value, count};
}

std::vector<MetricValue> Metrics::Snapshot(const MetricSums& sums) const {
  std::vector<uint64_t> nothing;
  return Changed(sums, &nothing);
}

std::vector<MetricValue> Metrics::Changed(const MetricSums& sums,
                                          std::vector<uint64_t>* told) const {
  std::vector<MetricValue> changed;
  const uint32_t count = defined_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    const bool is_new = i >= told->size();
    if (!is_new && (*told)[i] == sums.counts[i].load(std::memory_order_acquire)) continue;
    MetricValue& value = changed.emplace_back(ValueOf(i, sums));
    if (is_new) told->push_back(0);
    (*told)[i] = value.count;
  }
  return changed;
}

}  // namespace darkroom::host
