// SPDX-License-Identifier: Apache-2.0
//
// darkroom status: the daemons, one screen for one and a table for several.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string Uptime(const json& host) {
  return FormatTime(std::chrono::duration<double>(NumberField(host, "uptime_s")));
}

// "2 ready, 1 failed": the counts that are not zero, in the order given.
std::string Counts(const json& counts, const std::vector<const char*>& names) {
  std::string text;
  for (const char* name : names) {
    const uint64_t count = CountField(counts, name);
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  }
  return text.empty() ? "none" : text;
}

std::string Models(const json& host) {
  return Counts(PartField(host, "models"), {"ready", "loading", "unloaded", "failed"});
}

std::string OneHost(const json& host) {
  const json& nats = PartField(host, "nats");
  const auto connected = nats.is_object() ? nats.find("connected") : nats.end();
  const bool online = connected != nats.end() && connected->is_boolean() && connected->get<bool>();
  std::string text = fmt::format("{}: {}\n", Printable(TextField(host, "host")),
                                 Printable(TextField(host, "state")));
  const auto line = [&text](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<8}  {}\n", name, Printable(value));
  };
  line("version", fmt::format("{}, process {}, up {}", TextField(host, "version"),
                              CountField(host, "pid"), Uptime(host)));
  line("nats",
       fmt::format("{}, {}, {} reconnects, messages up to {}",
                   WithoutPasswords(TextField(nats, "url")), online ? "connected" : "not connected",
                   CountField(nats, "reconnects"), FormatSize(CountField(nats, "max_payload"))));
  line("models", Models(host));
  line("jobs", Counts(PartField(host, "jobs"), {"queued", "running"}));
  line("ended",
       Counts(PartField(host, "jobs"), {"succeeded", "failed", "cancelled", "expired", "refused"}));
  return text;
}

std::string SeveralHosts(const std::vector<json>& hosts, const Terminal& terminal) {
  Table table({{"HOST"},
               {"STATE"},
               {"VERSION"},
               {"UP", Align::kRight},
               {"QUEUED", Align::kRight},
               {"RUNNING", Align::kRight},
               {"SUCCEEDED", Align::kRight},
               {"FAILED", Align::kRight},
               {"REFUSED", Align::kRight},
               {"MODELS"}});
  for (const json& host : hosts) {
    const json& jobs = PartField(host, "jobs");
    const auto count = [&jobs](const char* name) { return std::to_string(CountField(jobs, name)); };
    table.Add({TextField(host, "host"), TextField(host, "state"), TextField(host, "version"),
               Uptime(host), count("queued"), count("running"), count("succeeded"), count("failed"),
               count("refused"), Models(host)});
  }
  return table.Render(terminal);
}

ExitCode ShowStatus(const Command& command) {
  Outcome<std::vector<json>> outcome = GatherControl(command, "status");
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    return Report(command, *failure, {{"hosts", json::array()}});
  }
  const auto& hosts = std::get<std::vector<json>>(outcome);
  if (command.json) return PrintJson({{"hosts", hosts}});
  return PrintText(hosts.size() == 1 ? OneHost(hosts.front())
                                     : SeveralHosts(hosts, command.terminal));
}

}  // namespace

void AddStatusCommand(CLI::App* app, Command* command) {
  CLI::App* status = app->add_subcommand("status", "Show the daemons: state, NATS, models, jobs");
  status->callback([command] { command->run = [command] { return ShowStatus(*command); }; });
}

}  // namespace darkroom
