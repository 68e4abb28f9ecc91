// SPDX-License-Identifier: Apache-2.0
//
// darkroom batch: the jobs of a file, so many at a time; the same command again goes on where it
// was left.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/batch_file.h"
#include "cli/batch_report.h"
#include "cli/batch_run.h"
#include "cli/command.h"
#include "cli/job_session.h"
#include "cli/prepare.h"
#include "cli/run_options.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

struct BatchArguments {
  std::string file;
  std::string output;
  std::string progress = "auto";
  BatchDefaults defaults;
  BatchOptions options;
  bool force = false;
};

// Jobs of a model that nobody ever served would wait for ever.
std::optional<Failure> CheckModels(const Command& command, JobSession& session,
                                   const BatchFile& file) {
  for (const auto& [job_class, model] : file.models()) {
    Outcome<bool> known = session.store().Knows(job_class, model);
    if (auto* failure = std::get_if<Failure>(&known)) return std::move(*failure);
    if (std::get<bool>(known)) continue;
    RunOptions options;
    options.model = model;
    options.subject = fmt::format("{}.run.{}", command.prefix, model);
    const Failure why = ExplainNobody(&session.client(), command, options);
    return Failure::Local(Status::NotFound(why.status.message(),
                                           "nothing was submitted; do it all the same: --force"));
  }
  return std::nullopt;
}

ExitCode RunBatch(const Command& command, const BatchArguments& arguments) {
  const Clock::time_point began = Clock::now();
  const json empty = {{"file", arguments.file}};
  const auto refuse = [&](const Status& status) {
    return Report(command, Failure::Local(status), empty);
  };
  if (arguments.options.concurrency == 0) {
    return refuse(Status::InvalidArgument("--concurrency 0 would submit nothing"));
  }
  if (Status status = CheckClass(arguments.defaults.job_class); !status.ok()) {
    return refuse(status);
  }
  const Result<ProgressMode> mode =
      ParseProgressMode(arguments.progress, command.terminal, command.json);
  if (!mode.ok()) return refuse(mode.status());
  const Result<std::unique_ptr<BatchFile>> file =
      BatchFile::Open(arguments.file, arguments.defaults);
  if (!file.ok()) return refuse(file.status());
  const BatchOutput output(arguments.output);
  if (Status status = output.Prepare(); !status.ok()) return refuse(status);

  return InSession(command, empty, [&](JobSession& session, json* result) {
    if (!arguments.force) {
      if (auto failure = CheckModels(command, session, **file)) return failure;
    }
    ProgressBar bar(*mode, command.terminal, "batch", Clock::now(), WriteError);
    BatchRun run(&session, file->get(), &output, arguments.options, &bar);
    std::optional<Failure> failure = run.Work();
    bar.Clear();
    const std::chrono::duration<double> took = Clock::now() - began;
    result->update(BatchJson(run.tally(), took));
    if (!command.json) PrintText(BatchText(run.tally(), took, command.terminal));
    if (failure) return failure;
    const size_t failed = run.tally().size() - run.tally().Count(LineState::kSucceeded);
    if (failed == 0) return failure;
    return std::optional(Failure{
        ExitCode::kJobFailed,
        Status::Internal(fmt::format("{} of {} jobs did not succeed", failed, run.tally().size()),
                         "the same command with --retry-failed submits them anew")});
  });
}

}  // namespace

void AddBatchCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<BatchArguments>();
  CLI::App* batch = app->add_subcommand(
      "batch", "Run the jobs of a file, a JSON object a line; again to go on where it was left");
  batch->add_option("FILE", arguments->file, "The file, or - for standard input")->required();
  batch
      ->add_option("--concurrency", arguments->options.concurrency,
                   "How many jobs may be unfinished at once")
      ->capture_default_str();
  batch->add_option("-o,--output", arguments->output, "A folder for the results");
  batch
      ->add_option("--class", arguments->defaults.job_class,
                   "Of jobs that name none: interactive, normal or bulk")
      ->capture_default_str();
  batch->add_option("--model", arguments->defaults.model, "Of jobs that name none");
  batch->add_flag("--retry-failed", arguments->options.retry_failed,
                  "Submit anew what failed in an earlier run");
  batch->add_option("--progress", arguments->progress, "auto, bar, plain or none")
      ->capture_default_str();
  batch->add_flag("--force", arguments->force, "Also where no daemon serves a model");
  batch->callback([command, arguments] {
    command->run = [command, arguments] { return RunBatch(*command, *arguments); };
  });
}

}  // namespace darkroom
