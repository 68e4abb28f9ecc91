// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_report.h"

#include <fmt/format.h>

#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr size_t kMostFailures = 50;  // that a person reads; --json has them all

// Of those that this run has seen end.
double Rate(const BatchTally& tally, std::chrono::duration<double> took) {
  const size_t now = tally.ended() - tally.before();
  return took.count() > 0 ? static_cast<double>(now) / took.count() : 0.0;
}

}  // namespace

std::string BatchText(const BatchTally& tally, std::chrono::duration<double> took,
                      const Terminal& terminal) {
  std::string text;
  const std::vector<LineFailure> failures = tally.failures();
  if (!failures.empty()) {
    Table table({{"LINE", Align::kRight}, {"JOB"}, {"STATE"}, {"ERROR"}});
    for (const LineFailure& failure : failures) {
      if (&failure - failures.data() == kMostFailures) break;
      table.Add({std::to_string(failure.number), failure.job, failure.state,
                 TextField(failure.error, "message")});
    }
    text = table.Render(terminal);
    if (failures.size() > kMostFailures) {
      text += fmt::format("and {} more; all of them: --json\n", failures.size() - kMostFailures);
    }
    text += "\n";
  }
  Table table({{"JOBS", Align::kRight},
               {"SUCCEEDED", Align::kRight},
               {"FAILED", Align::kRight},
               {"CANCELLED", Align::kRight},
               {"EXPIRED", Align::kRight},
               {"LEFT", Align::kRight},
               {"BEFORE", Align::kRight},
               {"TIME", Align::kRight},
               {"JOBS/S", Align::kRight}});
  const auto count = [&tally](LineState state) { return std::to_string(tally.Count(state)); };
  table.Add({std::to_string(tally.size()), count(LineState::kSucceeded), count(LineState::kFailed),
             count(LineState::kCancelled), count(LineState::kExpired),
             std::to_string(tally.unfinished() + tally.pending()), std::to_string(tally.before()),
             FormatTime(took), fmt::format("{:.1f}", Rate(tally, took))});
  return text + table.Render(terminal);
}

json BatchJson(const BatchTally& tally, std::chrono::duration<double> took) {
  json failures = json::array();
  for (const LineFailure& failure : tally.failures()) {
    failures.push_back({{"line", failure.number},
                        {"job", failure.job},
                        {"state", failure.state},
                        {"error", failure.error}});
  }
  return {{"jobs", tally.size()},
          {"succeeded", tally.Count(LineState::kSucceeded)},
          {"failed", tally.Count(LineState::kFailed)},
          {"cancelled", tally.Count(LineState::kCancelled)},
          {"expired", tally.Count(LineState::kExpired)},
          {"unfinished", tally.unfinished()},
          {"pending", tally.pending()},
          {"before", tally.before()},
          {"seconds", took.count()},
          {"jobs_per_s", Rate(tally, took)},
          {"failures", std::move(failures)}};
}

}  // namespace darkroom
