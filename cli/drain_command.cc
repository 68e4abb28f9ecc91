// SPDX-License-Identifier: Apache-2.0
//
// darkroom drain: has a daemon take nothing new, answer what it has, and end, as SIGTERM does.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "cli/ask_hosts.h"
#include "cli/command.h"
#include "cli/gather.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeout{10};

struct DrainArguments {
  std::string host;
  bool all = false;
};

HostAnswers Ask(const Command& command, const DrainArguments& arguments) {
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (auto* failure = std::get_if<Failure>(&connected)) return {{}, std::move(*failure)};
  const auto client = std::get<std::unique_ptr<Client>>(std::move(connected));
  const Interrupts::Guard guard(command.interrupts, [&client] { client->Interrupt(); });
  Outcome<std::vector<std::string>> hosts =
      FindMeant(client.get(), command.ControlSubject("status"), arguments.host, arguments.all);
  if (auto* failure = std::get_if<Failure>(&hosts)) return {{}, std::move(*failure)};
  auto& names = std::get<std::vector<std::string>>(hosts);
  const json body = arguments.all ? json{{"all", true}} : json{{"host", names.front()}};
  const Outgoing request = {command.ControlSubject("drain"), {}, WriteJson(body)};
  return AskHosts(client.get(), request, std::move(names), kTimeout);
}

ExitCode Drain(const Command& command, const DrainArguments& arguments) {
  const HostAnswers all = Ask(command, arguments);
  json hosts = json::array();
  std::string text;
  std::optional<Failure> failure = all.failure;
  for (const HostAnswer& one : all.answers) {
    if (!one.refusal.ok()) {
      if (!failure) failure = Failure::Remote(one.refusal.Annotated(one.host));
      hosts.push_back({{"host", one.host}, {"error", Failure::Remote(one.refusal).ToJson()}});
      continue;
    }
    const uint64_t jobs = CountField(one.answer, "jobs");
    text += fmt::format("{}: draining, {} job{} to finish\n", Printable(one.host), jobs,
                        jobs == 1 ? "" : "s");
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

void AddDrainCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<DrainArguments>();
  CLI::App* drain =
      app->add_subcommand("drain", "Have a daemon take nothing new, answer what it has, and end");
  CLI::Option* host = drain->add_option("--host", arguments->host,
                                        "This daemon; not needed where there is only one");
  drain->add_flag("--all", arguments->all, "All of them")->excludes(host);
  drain->callback([command, arguments] {
    command->run = [command, arguments] { return Drain(*command, *arguments); };
  });
}

}  // namespace darkroom
