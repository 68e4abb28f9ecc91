// SPDX-License-Identifier: Apache-2.0
//
// The metrics of one plugin: named numbers that it defines in entry or create and adds to from
// anywhere. They are kept here and read as a snapshot.
//
// Add and Snapshot may be called from any thread at any time; Define calls do not overlap each
// other (they are [control] in the ABI). Add takes no lock.

#ifndef DARKROOM_HOST_METRICS_H_
#define DARKROOM_HOST_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom::host {

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

// A histogram is kept as count and sum, which give its rate and mean. `value` is a counter's or
// gauge's sum of all that was added, or a histogram's sum.
struct MetricValue {
  MetricKind kind = MetricKind::kCounter;
  std::string name;
  std::string help;
  double value = 0;
  uint64_t count = 0;  // of Add calls
};

class Metrics {
 public:
  // The number to add to under this name. Defining a name again gives the same number, so that each
  // instance may do it; with another kind it is an error, as is a name that is not [a-z_][a-z0-9_]*
  // or one metric too many.
  Result<uint32_t> Define(MetricKind kind, std::string_view name, std::string_view help);

  // False if there is no such metric, or if `value` is not finite or would make a counter fall.
  bool Add(uint32_t metric, double value);

  std::vector<MetricValue> Snapshot() const;

 private:
  // Enough for any plugin that a person reads the figures of; a fixed array lets Add go without a
  // lock.
  static constexpr uint32_t kMaxMetrics = 64;

  struct Entry {
    MetricKind kind = MetricKind::kCounter;
    std::string name;
    std::string help;
    std::atomic<double> value{0};
    std::atomic<uint64_t> count{0};
  };

  std::array<Entry, kMaxMetrics> entries_;
  std::atomic<uint32_t> defined_{0};  // entries below it never change, save their numbers
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_METRICS_H_
