// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs: durable jobs, each part a file of its own.

#include "cli/jobs_command.h"

#include <CLI/CLI.hpp>

namespace darkroom {

void AddJobsCommand(CLI::App* app, Command* command) {
  CLI::App* jobs = app->add_subcommand(
      "jobs", "See durable jobs; fetch their results, cancel them, run them again");
  jobs->require_subcommand(1);
  AddJobsLs(jobs, command);
  AddJobsShow(jobs, command);
  AddJobsWatch(jobs, command);
  AddJobsCancel(jobs, command);
  AddJobsRetry(jobs, command);
  AddJobsReplay(jobs, command);
  AddJobsExport(jobs, command);
}

}  // namespace darkroom
