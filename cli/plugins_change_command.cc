// SPDX-License-Identifier: Apache-2.0
//
// darkroom plugins load, upgrade, rollback, unload, reload: changes what the daemons have loaded,
// all of them or the one that --host names.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "cli/ask_hosts.h"
#include "cli/plugin_change.h"
#include "cli/plugins_command.h"
#include "core/json.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

HostAnswers Ask(const Command& command, const ChangeArguments& arguments,
                std::chrono::milliseconds timeout) {
  const auto find = [&](Client* client) {
    return FindHosts(client, command.ControlSubject("status"), arguments.host);
  };
  const auto request = [&](const std::vector<std::string>&) -> Outgoing {
    return {command.ControlSubject(arguments.verb), {}, WriteJson(ChangeBody(arguments))};
  };
  return AskFound(command, find, request, timeout);
}

// What is said of all the answers: the first failure decides, save that an interruption is one of
// the person's own.
ExitCode Tell(const Command& command, const HostAnswers& all) {
  json hosts = json::array();
  std::string done;
  std::vector<Failure> failures;
  if (all.failure && all.failure->exit_code == ExitCode::kInterrupted) {
    failures.push_back(*all.failure);
  }
  for (const HostAnswer& one : all.answers) {
    if (one.refusal.ok()) {
      hosts.push_back(one.answer);
      done += ChangeText(one.answer);
      continue;
    }
    hosts.push_back({{"host", one.host}, {"error", Failure::Remote(one.refusal).ToJson()}});
    const bool alone = all.answers.size() == 1 && !all.failure;
    failures.push_back(Failure::Remote(alone ? one.refusal : one.refusal.Annotated(one.host)));
  }
  if (all.failure && all.failure->exit_code != ExitCode::kInterrupted) {
    failures.push_back(*all.failure);
  }
  json object = {{"hosts", std::move(hosts)}};
  if (!failures.empty()) object["error"] = failures.front().ToJson();
  const ExitCode printed = command.json ? PrintJson(object) : PrintText(done);
  for (const Failure& failure : failures) WriteError(failure.Text());
  return failures.empty() ? printed : failures.front().exit_code;
}

ExitCode Change(const Command& command, const ChangeArguments& arguments) {
  const Result<std::chrono::milliseconds> timeout = ParseDuration(arguments.timeout);
  Status wrong = timeout.status().Annotated("--timeout");
  if (wrong.ok() && timeout->count() <= 0) {
    wrong = Status::InvalidArgument("--timeout must be longer than nothing");
  }
  if (!wrong.ok()) {
    return Report(command, Failure::Local(std::move(wrong)), {{"hosts", json::array()}});
  }
  return Tell(command, Ask(command, arguments, *timeout));
}

void AddChange(CLI::App* plugins, Command* command, const std::string& verb, const char* words,
               const char* name, const char* about) {
  auto arguments = std::make_shared<ChangeArguments>();
  arguments->verb = verb;
  CLI::App* change = plugins->add_subcommand(verb, words);
  change->add_option(name, arguments->plugin, about)->required();
  if (verb == "upgrade") {
    change->add_option("FILE", arguments->file,
                       "The new file, as the daemon's host sees it; the one it came from if not "
                       "given");
  }
  change->add_option("--host", arguments->host, "This daemon alone; all that hear it if not given");
  change
      ->add_option("--timeout", arguments->timeout, "How long to wait for the answers, such as 30s")
      ->capture_default_str();
  change->callback([command, arguments] {
    command->run = [command, arguments] { return Change(*command, *arguments); };
  });
}

}  // namespace

void AddPluginsChange(CLI::App* plugins, Command* command) {
  AddChange(plugins, command, "load", "Have a plugin loaded, or upgraded if it is there", "FILE|ID",
            "A file, as the daemon's host sees it, or the id of one in its plugin folder");
  AddChange(plugins, command, "upgrade", "Have another file of a plugin take over from this one",
            "ID", "The plugin's id");
  AddChange(plugins, command, "rollback", "Go back to the file before the last upgrade", "ID",
            "The plugin's id");
  AddChange(plugins, command, "unload", "Have a plugin finish its jobs and go", "ID",
            "The plugin's id");
  AddChange(plugins, command, "reload", "Have a plugin's file read again, from where it came", "ID",
            "The plugin's id");
}

}  // namespace darkroom
