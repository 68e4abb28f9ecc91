// SPDX-License-Identifier: Apache-2.0

#include "worker/plugin_metrics.h"

#include <utility>

#include "core/metric_name.h"

namespace darkroom {

void PluginMetrics::Take(std::vector<host::MetricValue> values) {
  for (host::MetricValue& one : values) {
    auto found = all_.find(one.name);
    if (found == all_.end()) {
      if (all_.size() >= kMostMetrics) continue;
      found = all_.emplace(std::move(one.name), Metric{one.kind, std::move(one.help)}).first;
    }
    Metric& metric = found->second;
    if (metric.kind != one.kind) continue;
    metric.value = one.value;
    metric.count = one.count;
  }
}

void PluginMetrics::StartOver() {
  for (auto& [name, metric] : all_) {
    if (metric.kind != host::MetricKind::kGauge) metric.value_before += metric.value;
    metric.count_before += metric.count;
    metric.value = 0;
    metric.count = 0;
  }
}

}  // namespace darkroom
