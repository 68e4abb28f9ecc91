// SPDX-License-Identifier: Apache-2.0
//
// darkroom status: the daemons, one screen for one and a table for several; and for scripts whether
// all of them are well.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

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
  for (const json& trouble : PartField(nats, "troubles")) {
    line("", fmt::format("{}: {} ({} times, last {} ago)", TextField(trouble, "connection"),
                         TextField(trouble, "what"), CountField(trouble, "times"),
                         FormatTime(std::chrono::duration<double>(NumberField(trouble, "age_s")))));
  }
  line("models", Models(host));
  line("devices", Counts(PartField(host, "devices"), {"healthy", "suspected", "quarantined"}));
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

bool IsHealthy(const json& host) {
  const auto healthy = host.find("healthy");
  return healthy != host.end() && healthy->is_boolean() && healthy->get<bool>();
}

ExitCode ShowStatus(const Command& command, bool check) {
  Outcome<std::vector<json>> outcome = GatherControl(command, "status");
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    return Report(command, *failure, {{"hosts", json::array()}});
  }
  const auto& hosts = std::get<std::vector<json>>(outcome);
  const ExitCode printed =
      command.json ? PrintJson({{"hosts", hosts}})
                   : PrintText(hosts.size() == 1 ? OneHost(hosts.front())
                                                 : SeveralHosts(hosts, command.terminal));
  const bool fails = check && !std::all_of(hosts.begin(), hosts.end(), IsHealthy);
  return fails ? ExitCode::kJobFailed : printed;
}

}  // namespace

void AddStatusCommand(CLI::App* app, Command* command) {
  CLI::App* status = app->add_subcommand("status", "Show the daemons: state, NATS, models, jobs");
  auto check = std::make_shared<bool>(false);
  status->add_flag("--check", *check,
                   "Exit code 1 unless every daemon is ready and all of its devices are healthy");
  status->callback([command, check] {
    command->run = [command, check] { return ShowStatus(*command, *check); };
  });
}

}  // namespace darkroom
