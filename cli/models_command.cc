// SPDX-License-Identifier: Apache-2.0
//
// darkroom models: what can be run, and with which inputs and parameters.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "cli/catalogue.h"
#include "cli/command.h"
#include "cli/gather.h"
#include "cli/schema_text.h"
#include "cli/table.h"
#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string Plugin(const json& model) {
  const json& plugin = PartField(model, "plugin");
  const std::string id = TextField(plugin, "id");
  const std::string version = TextField(plugin, "version");
  return version.empty() ? id : id + " " + version;
}

std::string Queue(const json& model) {
  const json& queue = PartField(model, "queue");
  return fmt::format("{}/{}", CountField(queue, "waiting"), CountField(queue, "max"));
}

std::string List(const std::vector<json>& hosts, const Terminal& terminal) {
  const bool several = hosts.size() > 1;
  std::vector<Table::Column> columns = {
      {"MODEL"}, {"STATE"}, {"PLUGIN"}, {"QUEUE", Align::kRight}, {"SUMMARY"}};
  if (several) columns.insert(columns.begin(), {"HOST", Align::kLeft});
  Table table(std::move(columns));
  for (const json& host : hosts) {
    for (const json& model : PartField(host, "models")) {
      std::vector<std::string> cells = {TextField(model, "name"), TextField(model, "state"),
                                        Plugin(model), Queue(model), TextField(model, "summary")};
      if (several) cells.insert(cells.begin(), TextField(host, "host"));
      table.Add(std::move(cells));
    }
  }
  if (table.empty()) return "no models: the daemon's configuration names none\n";
  return table.Render(terminal);
}

std::string Values(const json& values, const char* title, const Terminal& terminal) {
  if (values.empty()) return {};
  Table table({{"NAME"}, {"KIND"}, {"SHAPE"}, {"NOTE"}});
  for (const json& value : values) {
    const auto optional = value.find("optional");
    const bool may_lack =
        optional != value.end() && optional->is_boolean() && optional->get<bool>();
    const json& shape = PartField(value, "shape");
    std::string form = TextField(value, "dtype");
    if (!shape.empty()) form += (form.empty() ? "" : " ") + shape.dump();
    table.Add(
        {TextField(value, "name"), TextField(value, "kind"), form, may_lack ? "optional" : ""});
  }
  return fmt::format("\n{}\n{}", title, table.Render(terminal, 2));
}

std::string Parameters(const json& schema, const Terminal& terminal) {
  const std::vector<ParameterText> parameters = DescribeSchema(schema);
  if (parameters.empty()) return "\nno parameters\n";
  Table table({{"NAME"}, {"TYPE"}, {"DEFAULT"}, {"RANGE"}, {"WHAT IT DOES"}});
  for (const ParameterText& p : parameters) {
    table.Add({p.name, p.type, p.required ? "required" : p.default_value, p.range, p.description});
  }
  return fmt::format("\nparameters (-p name=value)\n{}", table.Render(terminal, 2));
}

std::string Describe(const json& model, const std::string& host, const Terminal& terminal) {
  std::string text = Printable(TextField(model, "name"));
  if (const std::string summary = TextField(model, "summary"); !summary.empty()) {
    text += ": " + Printable(summary);
  }
  text += "\n";
  const auto line = [&text](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<8}  {}\n", name, Printable(value));
  };
  if (!host.empty()) line("host", host);
  line("plugin", Plugin(model));
  line("state", TextField(model, "state"));
  const json& error = PartField(model, "error");
  if (error.is_object() && !error.empty()) {
    line("why", TextField(error, "message"));
    if (const std::string hint = TextField(error, "hint"); !hint.empty()) line("do", hint);
  }
  line("queue", Queue(model) + " waiting");
  std::string_view label = "subjects";
  for (const json& subject : PartField(model, "subjects")) {
    if (subject.is_string()) line(std::exchange(label, ""), subject.get<std::string>());
  }
  text += Values(PartField(model, "inputs"), "inputs", terminal);
  text += Values(PartField(model, "outputs"), "outputs", terminal);
  text += Parameters(PartField(model, "params"), terminal);
  return text;
}

// Hosts that have the same to say of a model would only repeat it; state and queue are each host's
// own.
std::string DescribeAll(const std::vector<json>& hosts, const Terminal& terminal) {
  std::string text;
  for (const json& host : hosts) {
    for (const json& model : PartField(host, "models")) {
      if (!text.empty()) text += "\n";
      text += Describe(model, hosts.size() > 1 ? TextField(host, "host") : "", terminal);
    }
  }
  return text;
}

ExitCode ShowModels(const Command& command, const std::string& name) {
  Outcome<std::vector<json>> outcome = GatherControl(command, "models");
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    return Report(command, *failure, {{"hosts", json::array()}});
  }
  const Catalogue catalogue(std::get<std::vector<json>>(std::move(outcome)));
  if (!name.empty() && catalogue.Find(name) == nullptr) {
    return Report(command, catalogue.NoSuchModel(name, WithoutPasswords(command.url)),
                  {{"hosts", json::array()}});
  }
  const std::vector<json> hosts = name.empty() ? catalogue.hosts() : catalogue.Only(name);
  if (command.json) return PrintJson({{"hosts", hosts}});
  return PrintText(name.empty() ? List(hosts, command.terminal)
                                : DescribeAll(hosts, command.terminal));
}

}  // namespace

void AddModelsCommand(CLI::App* app, Command* command) {
  auto name = std::make_shared<std::string>();
  CLI::App* models = app->add_subcommand(
      "models", "List the models, or show one: its inputs, outputs, parameters and subjects");
  models->add_option("NAME", *name, "The model to show");
  const auto run = [command, name] {
    command->run = [command, name] { return ShowModels(*command, *name); };
  };
  models->callback([models, run] {
    if (models->get_subcommands().empty()) run();  // else theirs is what runs
  });
  models->add_subcommand("ls", "List the models, as without it")->callback(run);
  CLI::App* show = models->add_subcommand("show", "Show one, as its name alone does");
  show->add_option("NAME", *name, "The model to show")->required();
  show->callback(run);
  AddModelsCompileCommand(models, command);
  AddModelsPullCommand(models, command);
}

}  // namespace darkroom
