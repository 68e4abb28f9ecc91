// SPDX-License-Identifier: Apache-2.0
//
// The metrics of one plugin: named numbers that it defines in entry or create and adds to from
// anywhere. What they are is the plugin's; what was added is kept for each instance (MetricSums).
//
// Add and the readers may be called from any thread at any time; Define calls do not overlap each
// other (they are [control] in the ABI). Add takes no lock.

#ifndef DARKROOM_HOST_METRICS_H_
#define DARKROOM_HOST_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/metric_name.h"
#include "core/status.h"
#include "host/host_api.h"

namespace darkroom::host {

// What was added, by the metrics' numbers. Fixed arrays let Add go without a lock.
struct MetricSums {
  std::array<std::atomic<double>, kMostMetrics> values{};
  std::array<std::atomic<uint64_t>, kMostMetrics> counts{};
};

class Metrics {
 public:
  // The number to add to under this name. Defining a name again gives the same number, so that each
  // instance may do it; with another kind it is an error, as is a name that is not [a-z_][a-z0-9_]*
  // or one metric too many.
  Result<uint32_t> Define(MetricKind kind, std::string_view name, std::string_view help);

  // False if there is no such metric, or if `value` is not finite or would make a counter fall.
  bool Add(uint32_t metric, double value, MetricSums* sums) const;

  std::vector<MetricValue> Snapshot(const MetricSums& sums) const;
  // Those that were not told before, or were added to since. `told`: what this keeps of that.
  std::vector<MetricValue> Changed(const MetricSums& sums, std::vector<uint64_t>* told) const;

 private:
  struct Entry {
    MetricKind kind = MetricKind::kCounter;
    std::string name;
    std::string help;
  };

  MetricValue ValueOf(uint32_t metric, const MetricSums& sums) const;

  std::array<Entry, kMostMetrics> entries_;
  std::atomic<uint32_t> defined_{0};  // entries below it never change
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_METRICS_H_
