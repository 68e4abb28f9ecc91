// SPDX-License-Identifier: Apache-2.0
//
// How a plugin did when it was tried: each step of its life with what came of it, what it said
// meanwhile, and whether it is sound; in words and as JSON.
//
// Plain values and pure functions; any thread.

#ifndef DARKROOM_CLI_TRIAL_REPORT_H_
#define DARKROOM_CLI_TRIAL_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "core/status.h"

namespace darkroom {

enum class StepResult {
  kOk,
  kRefused,  // the plugin said no to an input, in words: it may
  kNotRun,   // it lacks what nobody gave it
  kFailed,
};

struct TrialStep {
  std::string name;
  StepResult result = StepResult::kOk;
  double ms = 0;
  std::string words;  // what was wrong, or what came out
};

struct TrialLine {
  std::string level;  // info, warning, error
  std::string text;
};

enum class TrialOutcome { kSound, kUnsound, kNotRun };

struct TrialReport {
  std::string device;
  std::vector<TrialStep> steps;
  std::vector<TrialLine> log;
  uint64_t log_dropped = 0;             // lines beyond what is kept
  std::vector<std::string> misbehaved;  // the host's words for rules that were broken
  std::vector<std::string> notes;
  std::optional<bool> mapped;  // whether its code stayed mapped; nothing: it was not closed
  uint64_t peak_memory = 0;    // of the worker, resident bytes
  bool interrupted = false;

  TrialOutcome outcome() const;
  // Why it is not sound, or was not run.
  std::string Why() const;
};

// "sound", "unsound", "not run"
std::string_view OutcomeName(TrialOutcome outcome);

// A job's end as a step's. A plugin may well find a made-up input wrong, or too much.
StepResult JobResultOf(const Status& status);

// Whether a plugin that was given no weights failed for that: it says so, or did not find
// something.
bool LacksWeights(const Status& status);

std::string TrialText(const TrialReport& report, const Terminal& terminal);

// {"outcome", "why", "device", "steps": [{"step", "result", "ms", "words"}], "misbehaved", "notes",
// "log": [{"level", "text"}], "log_dropped", "mapped", "peak_memory"}
nlohmann::json TrialJson(const TrialReport& report);

}  // namespace darkroom

#endif  // DARKROOM_CLI_TRIAL_REPORT_H_
