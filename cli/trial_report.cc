// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "cli/table.h"
#include "cli/text.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

// More lines of its log are for --json.
constexpr size_t kShownLines = 20;

std::string_view ResultName(StepResult result) {
  switch (result) {
    case StepResult::kOk:
      return "ok";
    case StepResult::kRefused:
      return "refused";
    case StepResult::kNotRun:
      return "not run";
    case StepResult::kFailed:
      break;
  }
  return "failed";
}

const TrialStep* First(const std::vector<TrialStep>& steps, StepResult result) {
  const auto found = std::find_if(steps.begin(), steps.end(), [result](const TrialStep& step) {
    return step.result == result;
  });
  return found == steps.end() ? nullptr : &*found;
}

std::string Steps(const TrialReport& report, const Terminal& terminal) {
  Table table({{"STEP"}, {"RESULT"}, {"TIME", Align::kRight}, {"WORDS"}});
  for (const TrialStep& step : report.steps) {
    table.Add({step.name, std::string(ResultName(step.result)),
               FormatTime(std::chrono::duration<double, std::milli>(step.ms)), step.words});
  }
  return table.Render(terminal, 2);
}

std::string Log(const TrialReport& report) {
  std::string text;
  const size_t shown = std::min(report.log.size(), kShownLines);
  for (size_t i = 0; i < shown; ++i) {
    text += fmt::format("  log: {:<7}  {}\n", report.log[i].level, Printable(report.log[i].text));
  }
  const uint64_t more = report.log.size() - shown + report.log_dropped;
  if (more > 0) text += fmt::format("  log: {} more lines\n", more);
  return text;
}

}  // namespace

TrialOutcome TrialReport::outcome() const {
  if (!misbehaved.empty() || First(steps, StepResult::kFailed) != nullptr) {
    return TrialOutcome::kUnsound;
  }
  return First(steps, StepResult::kNotRun) != nullptr ? TrialOutcome::kNotRun
                                                      : TrialOutcome::kSound;
}

std::string TrialReport::Why() const {
  if (const TrialStep* failed = First(steps, StepResult::kFailed)) {
    return fmt::format("{}: {}", failed->name, failed->words);
  }
  if (!misbehaved.empty()) return "plugin misbehaved: " + misbehaved.front();
  const TrialStep* not_run = First(steps, StepResult::kNotRun);
  return not_run == nullptr ? std::string() : not_run->words;
}

std::string_view OutcomeName(TrialOutcome outcome) {
  switch (outcome) {
    case TrialOutcome::kSound:
      return "sound";
    case TrialOutcome::kNotRun:
      return "not run";
    case TrialOutcome::kUnsound:
      break;
  }
  return "unsound";
}

StepResult JobResultOf(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return StepResult::kOk;
    case Code::kInvalidArgument:
    case Code::kUnimplemented:
    case Code::kTooLarge:
      return StepResult::kRefused;
    default:
      return StepResult::kFailed;
  }
}

bool LacksWeights(const Status& status) {
  if (status.code() == Code::kNotFound) return true;
  std::string words = status.message() + " " + status.hint();
  std::transform(words.begin(), words.end(), words.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !status.ok() && words.find("weight") != std::string::npos;
}

std::string TrialText(const TrialReport& report, const Terminal& terminal) {
  std::string text = fmt::format("tried on {} in a process of its own", report.device);
  if (report.peak_memory > 0) {
    text += fmt::format(", which had {} of memory at most", FormatSize(report.peak_memory));
  }
  text += "\n" + Steps(report, terminal);
  for (const std::string& words : report.misbehaved) {
    text += "  plugin misbehaved: " + Printable(words) + "\n";
  }
  for (const std::string& note : report.notes) text += "  note: " + Printable(note) + "\n";
  text += Log(report);
  switch (report.outcome()) {
    case TrialOutcome::kSound:
      return text + "sound: it did all that it was asked to\n";
    case TrialOutcome::kNotRun:
      return text + "not run: " + Printable(report.Why()) + "\n";
    case TrialOutcome::kUnsound:
      break;
  }
  return text + "unsound\n";  // why is an error, and told where those are
}

json TrialJson(const TrialReport& report) {
  json steps = json::array();
  for (const TrialStep& step : report.steps) {
    steps.push_back({{"step", step.name},
                     {"result", ResultName(step.result)},
                     {"ms", step.ms},
                     {"words", step.words}});
  }
  json log = json::array();
  for (const TrialLine& line : report.log) {
    log.push_back({{"level", line.level}, {"text", line.text}});
  }
  return {{"outcome", OutcomeName(report.outcome())},
          {"why", report.Why()},
          {"device", report.device},
          {"steps", std::move(steps)},
          {"misbehaved", report.misbehaved},
          {"notes", report.notes},
          {"log", std::move(log)},
          {"log_dropped", report.log_dropped},
          {"mapped", report.mapped ? json(*report.mapped) : json()},
          {"peak_memory", report.peak_memory}};
}

}  // namespace darkroom
