// SPDX-License-Identifier: Apache-2.0
//
// Adds `darkroom bench`. `command` must outlive the application. One thread.

#ifndef DARKROOM_CLI_BENCH_COMMAND_H_
#define DARKROOM_CLI_BENCH_COMMAND_H_

#include "cli/command.h"

namespace darkroom {

void AddBenchCommand(CLI::App* app, Command* command);

}  // namespace darkroom

#endif  // DARKROOM_CLI_BENCH_COMMAND_H_
