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
  MeantHosts meant;
  bool wait = false;
  std::string timeout = "10m";
};

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
  const HostAnswers all =
      AskMeant(command, "reconfigure", arguments.meant, {{"wait", arguments.wait}}, *timeout);
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
  return PrintHosts(command, std::move(hosts), text, failure);
}

}  // namespace

void AddReloadCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<ReloadArguments>();
  CLI::App* reload = app->add_subcommand("reload", "Have a daemon read its configuration again");
  AddMeantHosts(reload, &arguments->meant);
  reload->add_flag("--wait", arguments->wait, "Until what is to be loaded is loaded");
  reload
      ->add_option("--timeout", arguments->timeout, "How long to wait for the answers, such as 30s")
      ->capture_default_str();
  reload->callback([command, arguments] {
    command->run = [command, arguments] { return Reload(*command, *arguments); };
  });
}

}  // namespace darkroom
