// SPDX-License-Identifier: Apache-2.0
//
// The parts of `darkroom plugins`, a file each, plugins_NAME_command.cc. Each adds its subcommands
// to the group; `command` must outlive it.
//
// One thread.

#ifndef DARKROOM_CLI_PLUGINS_COMMAND_H_
#define DARKROOM_CLI_PLUGINS_COMMAND_H_

#include "cli/command.h"

namespace darkroom {

void AddPluginsList(CLI::App* plugins, Command* command);    // ls, show
void AddPluginsChange(CLI::App* plugins, Command* command);  // load, upgrade, rollback, ...
void AddPluginsCheck(CLI::App* plugins, Command* command);   // check

}  // namespace darkroom

#endif  // DARKROOM_CLI_PLUGINS_COMMAND_H_
