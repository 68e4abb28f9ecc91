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

ExitCode Drain(const Command& command, const MeantHosts& meant) {
  const HostAnswers all = AskMeant(command, "drain", meant, json::object(), kTimeout);
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
  return PrintHosts(command, std::move(hosts), text, failure);
}

}  // namespace

void AddDrainCommand(CLI::App* app, Command* command) {
  auto meant = std::make_shared<MeantHosts>();
  CLI::App* drain =
      app->add_subcommand("drain", "Have a daemon take nothing new, answer what it has, and end");
  AddMeantHosts(drain, meant.get());
  drain->callback(
      [command, meant] { command->run = [command, meant] { return Drain(*command, *meant); }; });
}

}  // namespace darkroom
