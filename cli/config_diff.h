// SPDX-License-Identifier: Apache-2.0
//
// What two configurations differ in, as `darkroom config diff` shows it.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_CONFIG_DIFF_H_
#define DARKROOM_CLI_CONFIG_DIFF_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/diff.h"

namespace darkroom {

// A line for each: "~ key: 1 -> 2", "+ key: 2", "- key: 1".
std::string ConfigDiffText(const std::vector<ConfigChange>& changes);

// [{"key", "from", "to"}]; a side that lacks it is left out.
nlohmann::json ConfigDiffJson(const std::vector<ConfigChange>& changes);

}  // namespace darkroom

#endif  // DARKROOM_CLI_CONFIG_DIFF_H_
