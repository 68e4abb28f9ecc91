// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs retry: a job once more, from its dead letter or from its kept request.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/gather.h"
#include "cli/job_session.h"
#include "cli/jobs_command.h"
#include "cli/kept_job.h"

namespace darkroom {
namespace {

using nlohmann::json;

ExitCode Retry(const Command& command, const std::string& id) {
  const json empty = {{"job", nullptr}, {"retry_of", id}};
  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    JobStore& store = session.store();
    // The request of a job that has not ended is kept nowhere but among the jobs.
    Outcome<std::optional<json>> state = store.Find(id);
    if (auto* failure = std::get_if<Failure>(&state)) return std::move(*failure);
    const auto& document = std::get<std::optional<json>>(state);
    if (document && !HasEnded(*document)) {
      return Failure::Local(
          Status{Code::kBusy, fmt::format("job {} is still {}", id, TextField(*document, "state")),
                 "cancel it first, or wait for its end: darkroom jobs watch " + id});
    }
    Outcome<KeptJob> kept = FindKeptJob(&store, id);
    if (auto* failure = std::get_if<Failure>(&kept)) return std::move(*failure);
    Outcome<std::string> retried = RetryJob(&store, std::get<KeptJob>(std::move(kept)));
    if (auto* failure = std::get_if<Failure>(&retried)) return std::move(*failure);
    const auto& job = std::get<std::string>(retried);
    (*result)["job"] = job;
    if (!command.json) PrintText(job + "\n");
    return std::nullopt;
  };
  return InSession(command, empty, work);
}

}  // namespace

void AddJobsRetry(CLI::App* jobs, Command* command) {
  auto id = std::make_shared<std::string>();
  CLI::App* retry =
      jobs->add_subcommand("retry", "Run a job that ended once more, under a new id: ID-r1");
  retry->add_option("ID", *id, "The job's id")->required();
  retry->callback([command, id] { command->run = [command, id] { return Retry(*command, *id); }; });
}

}  // namespace darkroom
