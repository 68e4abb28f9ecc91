// SPDX-License-Identifier: Apache-2.0
//
// Finding is what `darkroom doctor` says of one thing that it looked at, and what to do about it.
//
// A plain value and pure functions.

#ifndef DARKROOM_CLI_FINDING_H_
#define DARKROOM_CLI_FINDING_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace darkroom {

struct Finding {
  enum class State { kOk, kWarning, kFailed, kSkipped };

  std::string name;  // "jetstream"
  State state = State::kOk;
  std::string words;
  std::string hint;  // what to do; empty of what is well
};

bool AnyFailed(const std::vector<Finding>& findings);

// A line for each, and one for each hint.
std::string FindingsText(const std::vector<Finding>& findings, bool color);

// [{"name", "state": "ok|warning|failed|skipped", "message", "hint"}]
nlohmann::json FindingsJson(const std::vector<Finding>& findings);

}  // namespace darkroom

#endif  // DARKROOM_CLI_FINDING_H_
