// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs watch: waits for the end of one job, with its progress.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/gather.h"
#include "cli/job_end.h"
#include "cli/job_session.h"
#include "cli/job_view.h"
#include "cli/job_wait.h"
#include "cli/jobs_command.h"
#include "cli/run_options.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTakenUpWithin{2};

struct WatchArguments {
  std::string id;
  std::string timeout;
  std::string progress = "auto";
};

// One that nobody knows would be waited for in vain. But one that was submitted a moment ago is
// known only when a host has taken it up.
Outcome<json> StateSoon(JobStore& store, const std::string& job) {
  const auto deadline = std::chrono::steady_clock::now() + kTakenUpWithin;
  while (true) {
    Outcome<json> found = store.State(job);
    const auto* failure = std::get_if<Failure>(&found);
    const bool unknown = failure != nullptr && failure->status.code() == Code::kNotFound;
    if (!unknown || std::chrono::steady_clock::now() >= deadline) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

ExitCode Watch(const Command& command, const WatchArguments& arguments) {
  std::optional<std::chrono::milliseconds> timeout;
  if (!arguments.timeout.empty()) {
    const Result<std::chrono::milliseconds> time = ParseDuration(arguments.timeout);
    if (!time.ok()) {
      return Report(command, Failure::Local(time.status().Annotated("--timeout")), json::object());
    }
    timeout = *time;
  }
  const Result<ProgressMode> mode =
      ParseProgressMode(arguments.progress, command.terminal, command.json);
  if (!mode.ok()) return Report(command, Failure::Local(mode.status()), json::object());

  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    Outcome<json> found = StateSoon(session.store(), arguments.id);
    if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
    ProgressBar bar(*mode, command.terminal, arguments.id, std::chrono::steady_clock::now(),
                    WriteError);
    JobWait wait(&session.client(), &session.store(), &bar);
    if (std::optional<Failure> failure = wait.Listen(arguments.id, true)) return failure;
    Outcome<json> end = wait.ForEnd(timeout);
    if (auto* failure = std::get_if<Failure>(&end)) return std::move(*failure);
    *result = std::get<json>(end);
    if (std::optional<Status> error = ErrorInState(*result)) {
      return Failure::Remote(*std::move(error));
    }
    if (!command.json) PrintText(JobLine(*result) + "\n");
    return std::nullopt;
  };
  return InSession(command, {{"id", arguments.id}}, work);
}

}  // namespace

void AddJobsWatch(CLI::App* jobs, Command* command) {
  auto arguments = std::make_shared<WatchArguments>();
  CLI::App* watch = jobs->add_subcommand("watch", "Wait for the end of a job, with its progress");
  watch->add_option("ID", arguments->id, "The job's id")->required();
  watch->add_option("--timeout", arguments->timeout, "How long to wait; the job goes on then");
  watch->add_option("--progress", arguments->progress, "auto, bar, plain or none")
      ->capture_default_str();
  watch->callback([command, arguments] {
    command->run = [command, arguments] { return Watch(*command, *arguments); };
  });
}

}  // namespace darkroom
