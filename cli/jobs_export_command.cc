// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs export: the states of jobs as lines of JSON, for a ledger that outlives the
// server's memory.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/job_filter.h"
#include "cli/job_session.h"
#include "cli/jobs_command.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

ExitCode Export(const Command& command, const JobFilterArguments& arguments) {
  const Result<JobFilter> filter = JobFilter::Make(arguments, std::chrono::system_clock::now());
  if (!filter.ok()) return Report(command, Failure::Local(filter.status()), json::object());
  // Every line is an object already; one more at the end would be none of a job. Errors are told on
  // standard error and by the exit code.
  Command lines = command;
  lines.json = false;
  return InSession(lines, {}, [&](JobSession& session, json*) {
    std::optional<Failure> unwritten;
    auto failure = session.store().WalkStates(filter->since, [&](const json& state) {
      if (!filter->Matches(state)) return true;
      if (Status status = WriteOutput(WriteJson(state) + "\n"); !status.ok()) {
        unwritten = Failure::Local(std::move(status));
      }
      return !unwritten;
    });
    return failure ? failure : unwritten;
  });
}

}  // namespace

void AddJobsExport(CLI::App* jobs, Command* command) {
  auto arguments = std::make_shared<JobFilterArguments>();
  CLI::App* lines = jobs->add_subcommand(
      "export", "Write jobs as lines of JSON, one each, in the order of their last change");
  AddFilterOptions(lines, arguments.get());
  lines->callback([command, arguments] {
    command->run = [command, arguments] { return Export(*command, *arguments); };
  });
}

}  // namespace darkroom
