// SPDX-License-Identifier: Apache-2.0
//
// PluginMetrics is what a model's instances at one lane have added to their plugin's metrics: what
// the present one says, and of counters what those before it had. So a counter goes on when a
// worker is lost, but for what it had not told yet, and a gauge begins anew.
//
// One thread at a time.

#ifndef DARKROOM_WORKER_PLUGIN_METRICS_H_
#define DARKROOM_WORKER_PLUGIN_METRICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/host_api.h"

namespace darkroom {

class PluginMetrics {
 public:
  struct Metric {
    host::MetricKind kind = host::MetricKind::kCounter;
    std::string help;
    double value = 0;    // of the present instance
    uint64_t count = 0;  // likewise
    double value_before = 0;
    uint64_t count_before = 0;

    double Value() const { return value_before + value; }
    uint64_t Count() const { return count_before + count; }
  };

  // What the present instance says now of some of them. One too many is left out, and so is one
  // that is suddenly of another kind.
  void Take(std::vector<host::MetricValue> values);
  // The instance is lost; the next one begins at nothing.
  void StartOver();

  const std::map<std::string, Metric>& all() const { return all_; }  // by name

 private:
  std::map<std::string, Metric> all_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_PLUGIN_METRICS_H_
