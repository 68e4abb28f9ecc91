// SPDX-License-Identifier: Apache-2.0
//
// The configuration as it holds, with every default, in the form of its file: keys as they are
// written there, sizes and durations as people write them. What proves who we are is hidden.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CONFIG_TO_JSON_H_
#define DARKROOM_CONFIG_TO_JSON_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "config/config.h"

namespace darkroom {

// Every key, in the order of the example configuration. Values whose default is "none" or "as the
// plugin says" are null. A file with these keys and values is read as the same configuration, but
// for what is hidden: users and passwords of URLs, options and params that are called like secrets,
// and values with references, which stay as they are written.
nlohmann::ordered_json ConfigToJson(const Config& config,
                                    const std::map<std::string, std::string>& references);

// The same as YAML.
std::string ToYaml(const nlohmann::ordered_json& value);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_TO_JSON_H_
