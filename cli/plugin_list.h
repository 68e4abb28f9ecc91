// SPDX-License-Identifier: Apache-2.0
//
// What daemons say of their plugins (`control.plugins`), for people: a table of all, or everything
// about one.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_PLUGIN_LIST_H_
#define DARKROOM_CLI_PLUGIN_LIST_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace darkroom {

// A line for each plugin of each host, and below it what went wrong with which.
std::string PluginTable(const std::vector<nlohmann::json>& hosts, const Terminal& terminal);

// The same hosts with this plugin alone; hosts without it are left out.
std::vector<nlohmann::json> OnlyPlugin(const std::vector<nlohmann::json>& hosts,
                                       std::string_view id);

// Everything that `hosts` say, a paragraph for each plugin; the host is named where there are
// several.
std::string PluginText(const std::vector<nlohmann::json>& hosts, const Terminal& terminal);

// No daemon has a plugin of this id; the nearest that one has is named.
Failure NoSuchPlugin(const std::vector<nlohmann::json>& hosts, std::string_view id,
                     std::string_view url);

}  // namespace darkroom

#endif  // DARKROOM_CLI_PLUGIN_LIST_H_
