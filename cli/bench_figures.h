// SPDX-License-Identifier: Apache-2.0
//
// What `darkroom bench` measured, in figures: how many a second, and how long the middle one and
// the slow ones took.
//
// Pure functions.

#ifndef DARKROOM_CLI_BENCH_FIGURES_H_
#define DARKROOM_CLI_BENCH_FIGURES_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace darkroom {

struct BenchRecord {
  std::vector<double> took_ms;             // from sending to the reply, of what succeeded
  std::vector<double> run_ms;              // of these on the device, as the receipts say
  std::map<std::string, uint64_t> failed;  // how many, by the error's code
  double seconds = 0;                      // for all of them together
};

// The smallest value that so large a part of them does not exceed; 0 of none. `part` is in (0, 1].
double Percentile(std::vector<double> values, double part);

// {"succeeded", "failed": {code: count}, "seconds", "jobs_per_s", "took_ms", "run_ms": {"mean",
// "p50", "p90", "p99", "max"}}; the last two are null where nothing succeeded.
nlohmann::json BenchJson(const BenchRecord& record);

std::string BenchText(const BenchRecord& record);

}  // namespace darkroom

#endif  // DARKROOM_CLI_BENCH_FIGURES_H_
