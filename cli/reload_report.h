// SPDX-License-Identifier: Apache-2.0
//
// What a daemon says of a reload of its configuration, in words.
//
// A pure function, safe from any thread.

#ifndef DARKROOM_CLI_RELOAD_REPORT_H_
#define DARKROOM_CLI_RELOAD_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace darkroom {

// A line for the host and one for each thing that changes, or could not: "+ model clip",
// "~ model sdxl: options", "- route photos.*", "! nats.url needs a restart, and stays as it is".
std::string ReloadText(const nlohmann::json& answer);

}  // namespace darkroom

#endif  // DARKROOM_CLI_RELOAD_REPORT_H_
