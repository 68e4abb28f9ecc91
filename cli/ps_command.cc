// SPDX-License-Identifier: Apache-2.0
//
// darkroom ps: devices, instances and jobs at this moment.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <utility>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Milliseconds = std::chrono::duration<double, std::milli>;

bool Has(const json& object, const char* name) {
  const auto field = object.is_object() ? object.find(name) : object.end();
  return field != object.end() && field->is_number();
}

std::string Count(const json& object, const char* name) {
  return Has(object, name) ? std::to_string(CountField(object, name)) : std::string();
}

// One table over all hosts. `row` makes the cells of one element; the host stands first where there
// are several.
template <typename Row>
std::string Section(const std::vector<json>& hosts, const char* part,
                    std::vector<Table::Column> columns, const Terminal& terminal, Row row) {
  const bool several = hosts.size() > 1;
  if (several) columns.insert(columns.begin(), {"HOST", Align::kLeft});
  Table table(std::move(columns));
  for (const json& host : hosts) {
    for (const json& element : PartField(host, part)) {
      std::vector<std::string> cells = row(element);
      if (several) cells.insert(cells.begin(), TextField(host, "host"));
      table.Add(std::move(cells));
    }
  }
  return table.empty() ? fmt::format("no {}\n", part) : table.Render(terminal);
}

std::string Render(const std::vector<json>& hosts, const Terminal& terminal) {
  std::string text =
      Section(hosts, "devices", {{"DEVICE"}, {"LANES", Align::kRight}, {"RUNNING", Align::kRight}},
              terminal, [](const json& device) -> std::vector<std::string> {
                return {TextField(device, "id"), Count(device, "lanes"), Count(device, "running")};
              });
  text += "\n" + Section(hosts, "instances",
                         {{"MODEL"},
                          {"DEVICE"},
                          {"LANE", Align::kRight},
                          {"STATE"},
                          {"JOBS", Align::kRight},
                          {"IDLE", Align::kRight}},
                         terminal, [](const json& instance) -> std::vector<std::string> {
                           const bool idle = TextField(instance, "state") == "idle";
                           return {TextField(instance, "model"),
                                   TextField(instance, "device"),
                                   Count(instance, "lane"),
                                   TextField(instance, "state"),
                                   Count(instance, "jobs_ended"),
                                   idle ? FormatTime(std::chrono::duration<double>(
                                              NumberField(instance, "idle_s")))
                                        : std::string()};
                         });
  text += "\n" + Section(hosts, "jobs",
                         {{"JOB"},
                          {"MODEL"},
                          {"STATE"},
                          {"AGE", Align::kRight},
                          {"DONE", Align::kRight},
                          {"STAGE"}},
                         terminal, [](const json& job) -> std::vector<std::string> {
                           return {TextField(job, "id"),
                                   TextField(job, "model"),
                                   TextField(job, "state"),
                                   FormatTime(Milliseconds(NumberField(job, "age_ms"))),
                                   Has(job, "fraction")
                                       ? fmt::format("{:.0f}%", NumberField(job, "fraction") * 100)
                                       : std::string(),
                                   TextField(job, "stage")};
                         });
  return text;
}

ExitCode ShowPs(const Command& command) {
  Outcome<std::vector<json>> outcome = GatherControl(command, "ps");
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    return Report(command, *failure, {{"hosts", json::array()}});
  }
  const auto& hosts = std::get<std::vector<json>>(outcome);
  if (command.json) return PrintJson({{"hosts", hosts}});
  return PrintText(Render(hosts, command.terminal));
}

}  // namespace

void AddPsCommand(CLI::App* app, Command* command) {
  CLI::App* ps = app->add_subcommand("ps", "Show devices, instances and jobs at this moment");
  ps->callback([command] { command->run = [command] { return ShowPs(*command); }; });
}

}  // namespace darkroom
