// SPDX-License-Identifier: Apache-2.0
//
// darkroom config: what is wrong with a configuration, what holds by it, and how it differs from
// another or from the one that the daemons run by.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/config_diff.h"
#include "cli/gather.h"
#include "cli/text.h"
#include "config/load.h"
#include "config/to_json.h"

namespace darkroom {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kUsualFile = "/etc/darkroom/darkroom.yaml";

json FilesJson(const LoadedConfig& loaded, const std::string& file) {
  json fragments = json::array();
  for (size_t i = 1; i < loaded.files.size(); ++i) fragments.push_back(loaded.files[i].string());
  json issues = json::array();
  for (const ConfigIssue& issue : loaded.issues) {
    issues.push_back({{"file", issue.file.string()},
                      {"line", issue.line},
                      {"column", issue.column},
                      {"message", issue.message}});
  }
  return {{"file", file},
          {"fragments", std::move(fragments)},
          {"ok", loaded.config.has_value()},
          {"issues", std::move(issues)}};
}

std::string Issues(const LoadedConfig& loaded) {
  std::string text;
  for (const ConfigIssue& issue : loaded.issues) text += PrintableLines(ShowIssue(issue));
  return text;
}

Failure Wrong(const std::string& file, size_t issues) {
  return {ExitCode::kConfiguration,
          Status::FailedPrecondition(
              fmt::format("{} thing{} in the configuration {} wrong: {}", issues,
                          issues == 1 ? "" : "s", issues == 1 ? "is" : "are", file),
              "config/darkroom.yaml and darkroom.yaml(5) have every key")};
}

ExitCode Check(const Command& command, const std::vector<std::string>& files) {
  json all = json::array();
  std::string text;
  std::optional<Failure> failure;
  for (const std::string& file : files) {
    const LoadedConfig loaded = LoadConfig(file);
    all.push_back(FilesJson(loaded, file));
    if (!loaded.config) {
      WriteError(Issues(loaded));
      if (!failure) failure = Wrong(file, loaded.issues.size());
      continue;
    }
    const size_t fragments = loaded.files.size() - 1;
    text += fmt::format("{}: ok, {} models, {} routes{}\n", Printable(file),
                        loaded.config->models.size(), loaded.config->routes.size(),
                        fragments == 0 ? "" : fmt::format(", {} fragments", fragments));
  }
  json object = {{"files", std::move(all)}};
  if (!command.json) {
    const ExitCode printed = PrintText(text);
    return failure ? Report(command, *failure, json::object()) : printed;
  }
  return failure ? Report(command, *failure, std::move(object)) : PrintJson(object);
}

// The configuration of a file as it may be shown, or why there is none; issues are told.
Outcome<ordered_json> OfFile(const std::string& file) {
  const LoadedConfig loaded = LoadConfig(file);
  if (loaded.config) return ConfigToJson(*loaded.config, loaded.references);
  WriteError(Issues(loaded));
  return Wrong(file, loaded.issues.size());
}

ExitCode ShowRunning(const Command& command) {
  Outcome<std::vector<json>> outcome = GatherControl(command, "config");
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    return Report(command, *failure, {{"hosts", json::array()}});
  }
  const auto& hosts = std::get<std::vector<json>>(outcome);
  if (command.json) return PrintJson({{"hosts", hosts}});
  std::string text;
  for (const json& host : hosts) {
    if (hosts.size() > 1) text += fmt::format("---  # {}\n", Printable(TextField(host, "host")));
    text += PrintableLines(ToYaml(PartField(host, "config")));
  }
  return PrintText(text);
}

ExitCode Show(const Command& command, const std::string& file) {
  const Outcome<ordered_json> config = OfFile(file);
  if (const auto* failure = std::get_if<Failure>(&config)) {
    return Report(command, *failure, json::object());
  }
  const auto& shown = std::get<ordered_json>(config);
  if (command.json) return PrintJson({{"file", file}, {"config", shown}});
  return PrintText(PrintableLines(ToYaml(shown)));
}

// Another side of the comparison, and what it is called.
struct Side {
  std::string name;
  json config;
};

Outcome<std::vector<Side>> OtherSides(const Command& command, const std::string& file) {
  std::vector<Side> sides;
  if (!file.empty()) {
    Outcome<ordered_json> config = OfFile(file);
    if (auto* failure = std::get_if<Failure>(&config)) return std::move(*failure);
    sides.push_back({file, std::get<ordered_json>(config)});
    return sides;
  }
  Outcome<std::vector<json>> outcome = GatherControl(command, "config");
  if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
  for (const json& host : std::get<std::vector<json>>(outcome)) {
    sides.push_back({TextField(host, "host"), PartField(host, "config")});
  }
  return sides;
}

ExitCode Diff(const Command& command, const std::string& first, const std::string& second) {
  // Of two files the first is the older one; a daemon's is older than any file.
  const Outcome<ordered_json> config = OfFile(first);
  if (const auto* failure = std::get_if<Failure>(&config)) {
    return Report(command, *failure, json::object());
  }
  Outcome<std::vector<Side>> others = OtherSides(command, second);
  if (const auto* failure = std::get_if<Failure>(&others)) {
    return Report(command, *failure, json::object());
  }
  const json ours = std::get<ordered_json>(config);
  json all = json::array();
  std::string text;
  bool equal = true;
  for (const Side& side : std::get<std::vector<Side>>(others)) {
    const bool files = !second.empty();
    const auto changes = files ? DiffConfigs(ours, side.config) : DiffConfigs(side.config, ours);
    equal = equal && changes.empty();
    const std::string from = files ? first : side.name;
    const std::string to = files ? second : first;
    all.push_back({{"from", from}, {"to", to}, {"changes", ConfigDiffJson(changes)}});
    text += changes.empty() ? fmt::format("{} and {}: the same\n", Printable(from), Printable(to))
                            : fmt::format("{} -> {}\n", Printable(from), Printable(to)) +
                                  ConfigDiffText(changes);
  }
  const ExitCode printed =
      command.json ? PrintJson({{"equal", equal}, {"diffs", std::move(all)}}) : PrintText(text);
  return printed == ExitCode::kOk && !equal ? ExitCode::kJobFailed : printed;
}

void AddCheck(CLI::App* config, Command* command) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* check = config->add_subcommand(
      "check", "Say all that is wrong with a configuration file and its fragments");
  check->add_option("FILE", *files, std::string("The files; ") + kUsualFile + " if not given");
  check->callback([command, files] {
    if (files->empty()) files->emplace_back(kUsualFile);
    command->run = [command, files] { return Check(*command, *files); };
  });
}

void AddShow(CLI::App* config, Command* command) {
  auto file = std::make_shared<std::string>(kUsualFile);
  auto running = std::make_shared<bool>(false);
  CLI::App* show = config->add_subcommand(
      "show", "Show what holds by a file, with every default; secrets are hidden");
  CLI::Option* named = show->add_option("FILE", *file, "The file")->capture_default_str();
  show->add_flag("--running", *running, "Of the daemons that run, instead of a file")
      ->excludes(named);
  show->callback([command, file, running] {
    command->run = [command, file, running] {
      return *running ? ShowRunning(*command) : Show(*command, *file);
    };
  });
}

void AddDiff(CLI::App* config, Command* command) {
  auto first = std::make_shared<std::string>(kUsualFile);
  auto second = std::make_shared<std::string>();
  CLI::App* diff = config->add_subcommand(
      "diff", "Say what a file would change for the daemons that run, or how two files differ");
  diff->add_option("FILE", *first, "The file")->capture_default_str();
  diff->add_option("OTHER", *second, "A file to compare it with; the daemons if not given");
  diff->callback([command, first, second] {
    command->run = [command, first, second] { return Diff(*command, *first, *second); };
  });
}

}  // namespace

void AddConfigCommand(CLI::App* app, Command* command) {
  CLI::App* config =
      app->add_subcommand("config", "Check, show and compare configurations of the daemon");
  config->require_subcommand(1);
  AddCheck(config, command);
  AddShow(config, command);
  AddDiff(config, command);
}

}  // namespace darkroom
