// SPDX-License-Identifier: Apache-2.0

#include "host/metrics.h"

#include <algorithm>
#include <cmath>

namespace darkroom::host {
namespace {

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > 64 || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

Result<uint32_t> Metrics::Define(MetricKind kind, std::string_view name, std::string_view help) {
  if (!IsName(name)) {
    return Status::InvalidArgument("a metric's name must be of a-z, 0-9 and _, at most 64");
  }
  const uint32_t count = defined_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    if (entries_[i].name != name) continue;
    if (entries_[i].kind == kind) return i;
    return Status::InvalidArgument("the metric " + std::string(name) +
                                   " is defined already, as another kind");
  }
  if (count == kMaxMetrics) {
    return Status::ResourceExhausted("a plugin may define " + std::to_string(kMaxMetrics) +
                                     " metrics");
  }
  entries_[count].kind = kind;
  entries_[count].name = name;
  entries_[count].help = help;
  defined_.store(count + 1, std::memory_order_release);
  return count;
}

bool Metrics::Add(uint32_t metric, double value) {
  if (metric >= defined_.load(std::memory_order_acquire) || !std::isfinite(value)) return false;
  Entry& entry = entries_[metric];
  if (entry.kind == MetricKind::kCounter && value < 0) return false;
  entry.value.fetch_add(value, std::memory_order_relaxed);
  entry.count.fetch_add(1, std::memory_order_relaxed);
  return true;
}

std::vector<MetricValue> Metrics::Snapshot() const {
  std::vector<MetricValue> values;
  const uint32_t count = defined_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    const Entry& entry = entries_[i];
    values.push_back({entry.kind, entry.name, entry.help,
                      entry.value.load(std::memory_order_relaxed),
                      entry.count.load(std::memory_order_relaxed)});
  }
  return values;
}

}  // namespace darkroom::host
