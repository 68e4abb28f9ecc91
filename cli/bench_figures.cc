// SPDX-License-Identifier: Apache-2.0

#include "cli/bench_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Milliseconds = std::chrono::duration<double, std::milli>;

json Spread(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {{"mean", sum / static_cast<double>(values.size())},
          {"p50", Percentile(values, 0.5)},
          {"p90", Percentile(values, 0.9)},
          {"p99", Percentile(values, 0.99)},
          {"max", Percentile(values, 1)}};
}

std::string SpreadText(const char* name, const json& spread) {
  if (spread.is_null()) return {};
  std::string text = fmt::format("  {:<8}", name);
  for (const char* const figure : {"mean", "p50", "p90", "p99", "max"}) {
    text += fmt::format("  {} {}", figure, FormatTime(Milliseconds(spread[figure].get<double>())));
  }
  return text + "\n";
}

}  // namespace

double Percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(part * static_cast<double>(values.size()));
  return values.at(static_cast<size_t>(std::max(1.0, rank)) - 1);
}

json BenchJson(const BenchRecord& record) {
  const auto done = static_cast<double>(record.took_ms.size());
  return {{"succeeded", record.took_ms.size()},
          {"failed", record.failed},
          {"seconds", record.seconds},
          {"jobs_per_s", record.seconds > 0 ? done / record.seconds : 0.0},
          {"took_ms", Spread(record.took_ms)},
          {"run_ms", Spread(record.run_ms)}};
}

std::string BenchText(const BenchRecord& record) {
  const json figures = BenchJson(record);
  std::string text = fmt::format("{} jobs in {}: {:.1f} a second\n", record.took_ms.size(),
                                 FormatTime(Milliseconds(record.seconds * 1000)),
                                 figures["jobs_per_s"].get<double>());
  text += SpreadText("took", figures["took_ms"]) + SpreadText("device", figures["run_ms"]);
  for (const auto& [code, count] : record.failed) {
    text += fmt::format("  failed    {}: {}\n", Printable(code), count);
  }
  return text;
}

}  // namespace darkroom
