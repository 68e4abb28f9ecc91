// SPDX-License-Identifier: Apache-2.0
//
// darkroom ps: devices, instances and jobs at this moment.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/units.h"

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

std::string Size(const json& object, const char* name) {
  const uint64_t bytes = Has(object, name) ? CountField(object, name) : 0;
  return bytes > 0 ? FormatSize(bytes) : std::string();
}

// "quarantined for 40 s: why (asked again in 8 s)"; empty of one that is well.
std::string Complaint(const json& device) {
  const std::string health = TextField(device, "health");
  if (health.empty() || health == "healthy") return {};
  const auto time = [&device](const char* name) {
    return FormatTime(std::chrono::duration<double>(NumberField(device, name)));
  };
  std::string text = fmt::format("{} for {}: {}", health, time("since_s"),
                                 TextField(PartField(device, "error"), "message"));
  if (Has(device, "probe_s")) text += fmt::format(" (asked again in {})", time("probe_s"));
  return text;
}

std::string Complaints(const std::vector<json>& hosts) {
  std::string text;
  for (const json& host : hosts) {
    for (const json& device : PartField(host, "devices")) {
      const std::string complaint = Complaint(device);
      if (complaint.empty()) continue;
      text +=
          Printable(fmt::format("{}{}: {}", hosts.size() > 1 ? TextField(host, "host") + " " : "",
                                TextField(device, "id"), complaint)) +
          "\n";
    }
  }
  return text.empty() ? text : "\n" + text;
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

std::string WithUnit(const json& object, const char* name, const char* unit) {
  return Has(object, name) ? Count(object, name) + unit : std::string();
}

bool IsKnownGpu(const json& device) { return !TextField(device, "name").empty(); }

// What the driver says of GPUs stands behind what the daemon does with them, where there are any.
std::string Devices(const std::vector<json>& hosts, const Terminal& terminal) {
  const bool gpus = std::any_of(hosts.begin(), hosts.end(), [](const json& host) {
    const json& devices = PartField(host, "devices");
    return std::any_of(devices.begin(), devices.end(), IsKnownGpu);
  });
  std::vector<Table::Column> columns = {{"DEVICE"},
                                        {"LANES", Align::kRight},
                                        {"RUNNING", Align::kRight},
                                        {"USE", Align::kRight},
                                        {"LEASED", Align::kRight},
                                        {"MEMORY", Align::kRight},
                                        {"HEALTH"}};
  if (gpus) {
    const Table::Column more[] = {{"USED", Align::kRight},
                                  {"TOTAL", Align::kRight},
                                  {"BUSY", Align::kRight},
                                  {"TEMP", Align::kRight},
                                  {"PCI"},
                                  {"NAME"}};
    columns.insert(columns.end(), std::begin(more), std::end(more));
  }
  return Section(hosts, "devices", std::move(columns), terminal,
                 [gpus](const json& device) -> std::vector<std::string> {
                   std::vector<std::string> cells = {
                       TextField(device, "id"),      Count(device, "lanes"),
                       Count(device, "running"),     WithUnit(device, "lanes_busy_percent", "%"),
                       Size(device, "leased_bytes"), Size(device, "memory_bytes"),
                       TextField(device, "health")};
                   if (!gpus) return cells;
                   for (std::string cell : {Size(device, "used_bytes"), Size(device, "total_bytes"),
                                            WithUnit(device, "busy_percent", "%"),
                                            WithUnit(device, "temperature_c", " C"),
                                            TextField(device, "pci"), TextField(device, "name")}) {
                     cells.push_back(std::move(cell));
                   }
                   return cells;
                 });
}

// Devices that are listed and cannot be used, a line each.
std::string DeviceErrors(const std::vector<json>& hosts) {
  std::string text;
  for (const json& host : hosts) {
    for (const json& device : PartField(host, "devices")) {
      const std::string message = TextField(PartField(device, "error"), "message");
      if (message.empty() || Has(device, "health")) continue;  // Complaints tells of its health
      text += fmt::format("{}: {} cannot be used: {}\n", Printable(TextField(host, "host")),
                          Printable(TextField(device, "id")), Printable(message));
    }
  }
  return text;
}

std::string Render(const std::vector<json>& hosts, const Terminal& terminal) {
  std::string text = Devices(hosts, terminal) + DeviceErrors(hosts) + Complaints(hosts);
  text +=
      "\n" +
      Section(hosts, "instances",
              {{"MODEL"},
               {"DEVICE"},
               {"LANE", Align::kRight},
               {"STATE"},
               {"JOBS", Align::kRight},
               {"MEMORY", Align::kRight},
               {"PROCESS", Align::kRight},
               {"IDLE", Align::kRight},
               {"KEPT", Align::kRight}},
              terminal, [](const json& instance) -> std::vector<std::string> {
                const bool idle = TextField(instance, "state") == "idle";
                return {
                    TextField(instance, "model"),
                    TextField(instance, "device"),
                    Count(instance, "lane"),
                    TextField(instance, "state"),
                    Count(instance, "jobs_ended"),
                    Size(instance, "leased_bytes"),
                    Size(instance, "process_bytes"),
                    idle
                        ? FormatTime(std::chrono::duration<double>(NumberField(instance, "idle_s")))
                        : std::string(),
                    idle && Has(instance, "kept_s")
                        ? FormatTime(std::chrono::duration<double>(NumberField(instance, "kept_s")))
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

// What is in memory on a device: models in some lane of it that are loaded, with how many lanes
// where those are several.
std::string Resident(const json& host, const std::string& device) {
  std::map<std::string, size_t> lanes;
  for (const json& instance : PartField(host, "instances")) {
    const std::string state = TextField(instance, "state");
    if (TextField(instance, "device") != device) continue;
    if (state == "idle" || state == "running" || state == "loading") {
      ++lanes[TextField(instance, "model")];
    }
  }
  std::string text;
  for (const auto& [model, count] : lanes) {
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", model,
                        count > 1 ? fmt::format(" x{}", count) : "");
  }
  return text;
}

std::string FleetTable(const std::vector<json>& hosts, const Terminal& terminal) {
  Table table({{"HOST"},
               {"STATE"},
               {"DEVICE"},
               {"LANES", Align::kRight},
               {"RUNNING", Align::kRight},
               {"WAITING", Align::kRight},
               {"RESIDENT"}});
  for (const json& host : hosts) {
    const json& devices = PartField(host, "devices");
    const std::string waiting =
        host.contains("waiting") ? std::to_string(CountField(host, "waiting")) : "";
    if (devices.empty()) {
      table.Add({TextField(host, "host"), TextField(host, "state"), {}, {}, {}, waiting, {}});
    }
    for (const json& device : devices) {
      const std::string id = TextField(device, "id");
      table.Add({TextField(host, "host"), TextField(host, "state"), id, Count(device, "lanes"),
                 Count(device, "running"), waiting, Resident(host, id)});
    }
  }
  return table.Render(terminal);
}

// Adds to what runs on each host how the host is.
void Join(const std::vector<json>& statuses, std::vector<json>* hosts) {
  for (const json& status : statuses) {
    const std::string name = TextField(status, "host");
    auto host = std::find_if(hosts->begin(), hosts->end(),
                             [&name](const json& one) { return TextField(one, "host") == name; });
    // One that was only heard the second time is there all the same.
    if (host == hosts->end()) host = hosts->insert(hosts->end(), {{"host", name}});
    (*host)["state"] = TextField(status, "state");
    (*host)["version"] = TextField(status, "version");
    (*host)["waiting"] = CountField(PartField(status, "jobs"), "queued");
  }
}

ExitCode ShowFleet(const Command& command) {
  const json empty = {{"hosts", json::array()}};
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (const auto* failure = std::get_if<Failure>(&connected)) {
    return Report(command, *failure, empty);
  }
  Client* const client = std::get<std::unique_ptr<Client>>(connected).get();
  Outcome<std::vector<json>> outcome = Gather(client, command.ControlSubject("ps"));
  if (const auto* failure = std::get_if<Failure>(&outcome)) return Report(command, *failure, empty);
  auto& hosts = std::get<std::vector<json>>(outcome);
  Outcome<std::vector<json>> statuses = Gather(client, command.ControlSubject("status"));
  if (const auto* all = std::get_if<std::vector<json>>(&statuses)) Join(*all, &hosts);
  if (command.json) return PrintJson({{"hosts", hosts}});
  return PrintText(FleetTable(hosts, command.terminal));
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
  auto all = std::make_shared<bool>(false);
  CLI::App* ps = app->add_subcommand("ps", "Show devices, instances and jobs at this moment");
  ps->add_flag("--all", *all, "Every daemon in one table: its devices, and the models on them");
  ps->callback([command, all] {
    command->run = [command, all] { return *all ? ShowFleet(*command) : ShowPs(*command); };
  });
}

}  // namespace darkroom
