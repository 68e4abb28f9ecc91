// SPDX-License-Identifier: Apache-2.0
//
// One picture of `darkroom top`: what all daemons answered at one moment, with how much has been
// done since the moment before.
//
// Plain values and pure functions.

#ifndef DARKROOM_CLI_TOP_VIEW_H_
#define DARKROOM_CLI_TOP_VIEW_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace darkroom {

struct TopSample {
  std::chrono::steady_clock::time_point taken;
  std::vector<nlohmann::json> status;  // what each daemon answered to `status`, `ps` and `models`
  std::vector<nlohmann::json> ps;
  std::vector<nlohmann::json> models;
};

// {"hosts": [{"host", "status", "devices", "instances", "jobs", "models", "rates": {"succeeded",
// "failed", "refused"} in jobs a second, null where the host was not there before}]}.
nlohmann::json TopJson(const TopSample& before, const TopSample& now);

// The same as tables: daemons, devices, models, and the jobs that are there longest.
std::string TopText(const TopSample& before, const TopSample& now, const Terminal& terminal);

}  // namespace darkroom

#endif  // DARKROOM_CLI_TOP_VIEW_H_
