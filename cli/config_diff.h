// SPDX-License-Identifier: Apache-2.0
//
// What two configurations differ in, key by key: `darkroom config diff`.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_CONFIG_DIFF_H_
#define DARKROOM_CLI_CONFIG_DIFF_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace darkroom {

struct ConfigChange {
  std::string key;      // "models.clip.queue", "routes[2]"
  nlohmann::json from;  // discarded where there is no such key
  nlohmann::json to;    // likewise
};

// In the order of the keys. What one of them lacks altogether is one change, whatever is in it.
std::vector<ConfigChange> DiffConfigs(const nlohmann::json& from, const nlohmann::json& to);

// A line for each: "~ key: 1 -> 2", "+ key: 2", "- key: 1".
std::string ConfigDiffText(const std::vector<ConfigChange>& changes);

// [{"key", "from", "to"}]; a side that lacks it is left out.
nlohmann::json ConfigDiffJson(const std::vector<ConfigChange>& changes);

}  // namespace darkroom

#endif  // DARKROOM_CLI_CONFIG_DIFF_H_
