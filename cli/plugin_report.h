// SPDX-License-Identifier: Apache-2.0
//
// What a plugin's file says of itself, for its author: as a daemon reads it before it opens the
// file, in words and as JSON. None of the plugin's code is run.

#ifndef DARKROOM_CLI_PLUGIN_REPORT_H_
#define DARKROOM_CLI_PLUGIN_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/status.h"
#include "plugin/registry.h"

namespace darkroom {

// Reads the file and holds it against all that a daemon asks of it. An error is why a daemon would
// refuse it.
Result<PluginFile> InspectPlugin(const std::string& path);

std::string PluginReportText(const PluginFile& plugin);

// {"file", "plugin", "version", "summary", "sha256", "inputs", "outputs", "devices", "torch",
// "verdict", "reasons", "notes", "libraries", "missing"}
nlohmann::json PluginReportJson(const PluginFile& plugin);

}  // namespace darkroom

#endif  // DARKROOM_CLI_PLUGIN_REPORT_H_
