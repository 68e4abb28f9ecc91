// SPDX-License-Identifier: Apache-2.0
//
// What two configurations, as ConfigToJson gives them, differ in, key by key.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CONFIG_DIFF_H_
#define DARKROOM_CONFIG_DIFF_H_

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

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_DIFF_H_
