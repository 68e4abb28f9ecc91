// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs show, darkroom jobs result: all that is known of one job, and what came of it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cli/gather.h"
#include "cli/job_end.h"
#include "cli/job_session.h"
#include "cli/job_view.h"
#include "cli/jobs_command.h"
#include "cli/result_sink.h"

namespace darkroom {
namespace {

using nlohmann::json;

struct ResultArguments {
  std::string id;
  std::string output;
  bool quiet = false;
};

// What a job that waits does so for, by the word of the hosts that serve its model; null: no host
// says. A job that no host has taken from the stream waits for what the first of its model does.
json WaitsFor(const Command& command, Client* client, const std::string& model) {
  auto answers = Gather(client, command.ControlSubject("models"));
  if (std::holds_alternative<Failure>(answers)) return nullptr;
  json hosts = json::object();
  for (const json& answer : std::get<std::vector<json>>(answers)) {
    for (const json& one : PartField(answer, "models")) {
      const std::string what = TextField(PartField(one, "queue"), "for");
      if (TextField(one, "name") == model && !what.empty()) hosts[TextField(answer, "host")] = what;
    }
  }
  return hosts.empty() ? json() : hosts;
}

ExitCode Show(const Command& command, const std::string& id) {
  return InSession(command, {{"id", id}}, [&](JobSession& session, json* result) {
    Outcome<json> found = session.store().State(id);
    if (auto* failure = std::get_if<Failure>(&found)) return std::optional(std::move(*failure));
    *result = std::get<json>(found);
    if (TextField(*result, "state") == "queued") {
      json waits = WaitsFor(command, &session.client(), TextField(*result, "model"));
      if (!waits.is_null()) (*result)["waits_for"] = std::move(waits);
    }
    if (!command.json) PrintText(JobText(*result, std::chrono::system_clock::now()));
    return std::optional<Failure>();
  });
}

ExitCode GetResult(const Command& command, const ResultArguments& arguments) {
  ResultSink sink(command, arguments.output, arguments.quiet);
  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    Outcome<json> found = session.store().State(arguments.id);
    if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
    const auto& state = std::get<json>(found);
    if (!HasEnded(state)) {
      return Failure::Local(
          Status::NotFound(fmt::format("job {} has no result yet: it is {}", arguments.id,
                                       TextField(state, "state")),
                           "wait for it with: darkroom jobs watch " + arguments.id));
    }
    if (std::optional<Failure> failure = sink.Open()) return failure;
    return DeliverEnd(&session.store(), state, &sink, result);
  };
  return InSession(command, EmptyResult(arguments.id, {}), work);
}

}  // namespace

void AddJobsShow(CLI::App* jobs, Command* command) {
  auto id = std::make_shared<std::string>();
  CLI::App* show = jobs->add_subcommand(
      "show", "Show one job: state, attempts, error, and the receipt of what made its result");
  show->add_option("ID", *id, "The job's id")->required();
  show->callback([command, id] { command->run = [command, id] { return Show(*command, *id); }; });

  auto arguments = std::make_shared<ResultArguments>();
  CLI::App* result = jobs->add_subcommand("result", "Fetch the stored result of a job");
  result->add_option("ID", arguments->id, "The job's id")->required();
  result->add_option("-o,--output", arguments->output,
                     "Where it goes: a file, or - for standard output");
  result->add_flag("-q,--quiet", arguments->quiet, "No line about the written file");
  result->callback([command, arguments] {
    command->run = [command, arguments] { return GetResult(*command, *arguments); };
  });
}

}  // namespace darkroom
