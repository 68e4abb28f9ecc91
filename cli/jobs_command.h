// SPDX-License-Identifier: Apache-2.0
//
// The parts of `darkroom jobs`, a file each, jobs_NAME_command.cc. Each adds its subcommands to the
// group; `command` must outlive it.
//
// One thread.

#ifndef DARKROOM_CLI_JOBS_COMMAND_H_
#define DARKROOM_CLI_JOBS_COMMAND_H_

#include "cli/command.h"

namespace darkroom {

void AddJobsLs(CLI::App* jobs, Command* command);
void AddJobsShow(CLI::App* jobs, Command* command);    // show, result
void AddJobsWatch(CLI::App* jobs, Command* command);   // watch
void AddJobsCancel(CLI::App* jobs, Command* command);  // cancel
void AddJobsRetry(CLI::App* jobs, Command* command);   // retry
void AddJobsReplay(CLI::App* jobs, Command* command);  // replay
void AddJobsExport(CLI::App* jobs, Command* command);  // export

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOBS_COMMAND_H_
