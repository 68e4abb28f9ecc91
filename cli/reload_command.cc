// SPDX-License-Identifier: Apache-2.0
//
// darkroom reload: has a daemon read its configuration again, as SIGHUP does.

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "cli/ask_hosts.h"
#include "cli/command.h"
#include "cli/reload_report.h"
#include "cli/text.h"
#include "core/json.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

struct ReloadArguments {
  std::string host;
  bool all = false;
  bool wait = false;
  std::string timeout = "10m";
};

HostAnswers Ask(const Command& command, const ReloadArguments& arguments,
                std::chrono::milliseconds timeout) {
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (auto* failure = std::get_if<Failure>(&connected)) return {{}, std::move(*failure)};
  const auto client = std::get<std::unique_ptr<Client>>(std::move(connected));
  const Interrupts::Guard guard(command.interrupts, [&client] { client->Interrupt(); });
  Outcome<std::vector<std::string>> hosts =
      FindMeant(client.get(), command.ControlSubject("status"), arguments.host, arguments.all);
  if (auto* failure = std::get_if<Failure>(&hosts)) return {{}, std::move(*failure)};
  auto& names = std::get<std::vector<std::string>>(hosts);
  json body = arguments.all ? json{{"all", true}} : json{{"host", names.front()}};
  body["wait"] = arguments.wait;
  const Outgoing request = {command.ControlSubject("reconfigure"), {}, WriteJson(body)};
  return AskHosts(client.get(), request, std::move(names), timeout);
}

// What the daemon found wrong is the configuration, and not what was asked; and one that drains has
// nothing against either.
Failure FailureOf(const Status& refusal) {
  Failure failure = Failure::Remote(refusal);
  if (refusal.code() == Code::kInvalidArgument) failure.exit_code = ExitCode::kConfiguration;
  if (refusal.code() == Code::kFailedPrecondition) failure.exit_code = ExitCode::kRefused;
  return failure;
}

// What is not as the file wants it.
std::optional<Failure> FailureIn(const std::string& host, const json& answer) {
  const auto failed = answer.find("failed");
  if (failed == answer.end() || !failed->is_array() || failed->empty()) return std::nullopt;
  std::string text;
  for (const json& one : *failed) {
    const json::json_pointer why("/error/message");
    if (!one.is_object() || !one.contains(why) || !one[why].is_string()) continue;
    text += (text.empty() ? "" : "; ") + one.value("what", std::string()) + ": " +
            one[why].get<std::string>();
  }
  Failure failure;
  failure.exit_code = ExitCode::kJobFailed;
  failure.status = Status::FailedPrecondition(text, "the next reload tries again").Annotated(host);
  return failure;
}

ExitCode Reload(const Command& command, const ReloadArguments& arguments) {
  const Result<std::chrono::milliseconds> timeout = ParseDuration(arguments.timeout);
  if (!timeout.ok()) {
    return Report(command, Failure::Local(timeout.status().Annotated("--timeout")),
                  {{"hosts", json::array()}});
  }
  const HostAnswers all = Ask(command, arguments, *timeout);
  json hosts = json::array();
  std::string text;
  std::optional<Failure> failure = all.failure;
  for (const HostAnswer& one : all.answers) {
    if (!one.refusal.ok()) {
      const Failure refused = FailureOf(one.refusal.Annotated(one.host));
      if (!failure) failure = refused;
      hosts.push_back({{"host", one.host}, {"error", FailureOf(one.refusal).ToJson()}});
      continue;
    }
    if (!failure) failure = FailureIn(one.host, one.answer);
    text += ReloadText(one.answer);
    hosts.push_back(one.answer);
  }
  json object = {{"hosts", std::move(hosts)}};
  if (!command.json) {
    const ExitCode printed = PrintText(text);
    return failure ? Report(command, *failure, json::object()) : printed;
  }
  return failure ? Report(command, *failure, std::move(object)) : PrintJson(object);
}

}  // namespace

void AddReloadCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<ReloadArguments>();
  CLI::App* reload = app->add_subcommand("reload", "Have a daemon read its configuration again");
  CLI::Option* host = reload->add_option("--host", arguments->host,
                                         "This daemon; not needed where there is only one");
  reload->add_flag("--all", arguments->all, "All of them")->excludes(host);
  reload->add_flag("--wait", arguments->wait, "Until what is to be loaded is loaded");
  reload
      ->add_option("--timeout", arguments->timeout, "How long to wait for the answers, such as 30s")
      ->capture_default_str();
  reload->callback([command, arguments] {
    command->run = [command, arguments] { return Reload(*command, *arguments); };
  });
}

}  // namespace darkroom
