// SPDX-License-Identifier: Apache-2.0
//
// darkroom dead: the jobs that were given up, to be looked at, run again or thrown away.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "cli/ago.h"
#include "cli/command.h"
#include "cli/dead_view.h"
#include "cli/gather.h"
#include "cli/job_session.h"
#include "cli/kept_job.h"
#include "cli/text.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

struct DeadArguments {
  std::vector<std::string> ids;
  bool all = false;
  std::string older_than;
};

std::optional<Failure> ReadAll(JobStore& store, std::vector<json>* letters) {
  return store.WalkDead([letters](const Incoming& message) {
    letters->push_back(DeadLetterOf(message));
    return true;
  });
}

ExitCode List(const Command& command) {
  return InSession(command, {{"dead", json::array()}}, [&](JobSession& session, json* result) {
    std::vector<json> letters;
    std::optional<Failure> failure = ReadAll(session.store(), &letters);
    (*result)["dead"] = letters;
    if (!failure && !command.json) {
      PrintText(DeadTable(letters, std::chrono::system_clock::now(), command.terminal));
    }
    return failure;
  });
}

ExitCode Show(const Command& command, const std::string& id) {
  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    Outcome<KeptJob> found = FindDeadLetter(&session.store(), id);
    if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
    const auto& job = std::get<KeptJob>(found);
    *result = DeadLetterOf(job.message);
    json headers = json::object();
    for (const auto& [name, value] : job.message.Headers()) {
      if (!name.starts_with("Nats-") && name != "Darkroom-Dead-Letter") headers[name] = value;
    }
    (*result)["headers"] = std::move(headers);
    if (!command.json) PrintText(DeadText(*result, std::chrono::system_clock::now()));
    return std::nullopt;
  };
  return InSession(command, {{"id", id}}, work);
}

// Those that are meant. One that is named must be there.
Outcome<std::vector<json>> Choose(JobStore& store, const DeadArguments& arguments,
                                  std::optional<WallTime> before) {
  std::vector<json> all;
  if (std::optional<Failure> failure = ReadAll(store, &all)) return std::move(*failure);
  for (const std::string& id : arguments.ids) {
    if (std::any_of(all.begin(), all.end(),
                    [&id](const json& letter) { return TextField(letter, "id") == id; })) {
      continue;
    }
    return Failure::Local(
        Status::NotFound(fmt::format("there is no dead letter of a job '{}'", id),
                         "nothing was done; those that there are: darkroom dead ls"));
  }
  std::erase_if(all, [&](const json& letter) {
    const auto& ids = arguments.ids;
    if (!ids.empty() && std::find(ids.begin(), ids.end(), TextField(letter, "id")) == ids.end()) {
      return true;
    }
    if (!before) return false;
    const std::optional<WallTime> died = ParseTimestamp(TextField(letter, "died"));
    return died && *died > *before;
  });
  return all;
}

// All of them only where that was said.
Status CheckChoice(const DeadArguments& arguments, std::string_view what) {
  if (!arguments.ids.empty() && arguments.all) {
    return Status::InvalidArgument("either ids or --all");
  }
  if (arguments.ids.empty() && !arguments.all && arguments.older_than.empty()) {
    return Status::InvalidArgument(
        fmt::format("which are to be {}?", what),
        "give their ids, or --all; they are listed by: darkroom dead ls");
  }
  return {};
}

ExitCode Retry(const Command& command, const DeadArguments& arguments) {
  const json empty = {{"jobs", json::array()}};
  if (Status status = CheckChoice(arguments, "run again"); !status.ok()) {
    return Report(command, Failure::Local(std::move(status)), empty);
  }
  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    JobStore& store = session.store();
    Outcome<std::vector<json>> chosen = Choose(store, arguments, {});
    if (auto* failure = std::get_if<Failure>(&chosen)) return std::move(*failure);
    for (const json& letter : std::get<std::vector<json>>(chosen)) {
      const std::string id = TextField(letter, "id");
      Outcome<KeptJob> found = FindDeadLetter(&store, id);
      if (auto* failure = std::get_if<Failure>(&found)) {
        if (failure->status.code() == Code::kNotFound) continue;  // another was faster
        return std::move(*failure);
      }
      Outcome<std::string> retried = RetryJob(&store, std::get<KeptJob>(std::move(found)));
      if (auto* failure = std::get_if<Failure>(&retried)) return std::move(*failure);
      const auto& job = std::get<std::string>(retried);
      (*result)["jobs"].push_back({{"job", job}, {"retry_of", id}});
      if (!command.json) PrintText(fmt::format("{} -> {}\n", Printable(id), Printable(job)));
      if (session.client().events().interrupted()) {
        return Failure::Interrupted("interrupted; the other dead letters are as they were");
      }
    }
    return std::nullopt;
  };
  return InSession(command, empty, work);
}

ExitCode Purge(const Command& command, const DeadArguments& arguments) {
  const json empty = {{"purged", 0}};
  if (Status status = CheckChoice(arguments, "thrown away"); !status.ok()) {
    return Report(command, Failure::Local(std::move(status)), empty);
  }
  std::optional<WallTime> before;
  if (!arguments.older_than.empty()) {
    const Result<std::chrono::milliseconds> age = ParseDuration(arguments.older_than);
    if (!age.ok()) {
      return Report(command, Failure::Local(age.status().Annotated("--older-than")), empty);
    }
    before = std::chrono::system_clock::now() - *age;
  }
  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    JobStore& store = session.store();
    Outcome<std::vector<json>> chosen = Choose(store, arguments, before);
    if (auto* failure = std::get_if<Failure>(&chosen)) return std::move(*failure);
    size_t purged = 0;
    for (const json& letter : std::get<std::vector<json>>(chosen)) {
      auto failure = store.streams().Delete(store.names().dead, CountField(letter, "sequence"));
      if (failure) return failure;
      (*result)["purged"] = ++purged;
    }
    if (!command.json) {
      PrintText(fmt::format("{} dead letter{} thrown away\n", purged, purged == 1 ? "" : "s"));
    }
    return std::nullopt;
  };
  return InSession(command, empty, work);
}

}  // namespace

void AddDeadCommand(CLI::App* app, Command* command) {
  CLI::App* dead = app->add_subcommand(
      "dead", "See the jobs that were given up; run them again, or throw them away");
  dead->require_subcommand(1);
  CLI::App* list = dead->add_subcommand("ls", "List dead letters, the oldest first");
  list->callback([command] { command->run = [command] { return List(*command); }; });

  auto id = std::make_shared<std::string>();
  CLI::App* show =
      dead->add_subcommand("show", "Show one: error, attempts, and the worker's last lines");
  show->add_option("ID", *id, "The job's id")->required();
  show->callback([command, id] { command->run = [command, id] { return Show(*command, *id); }; });

  auto again = std::make_shared<DeadArguments>();
  CLI::App* retry = dead->add_subcommand("retry", "Run jobs again, under new ids: ID-r1");
  retry->add_option("ID", again->ids, "The jobs' ids");
  retry->add_flag("--all", again->all, "All of them");
  retry->callback(
      [command, again] { command->run = [command, again] { return Retry(*command, *again); }; });

  auto away = std::make_shared<DeadArguments>();
  CLI::App* purge = dead->add_subcommand("purge", "Throw dead letters away");
  purge->add_option("ID", away->ids, "The jobs' ids");
  purge->add_flag("--all", away->all, "All of them");
  purge->add_option("--older-than", away->older_than, "Only those that died before: 12h, 7d");
  purge->callback(
      [command, away] { command->run = [command, away] { return Purge(*command, *away); }; });
}

}  // namespace darkroom
