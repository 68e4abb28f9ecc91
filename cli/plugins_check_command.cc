// SPDX-License-Identifier: Apache-2.0
//
// darkroom plugins check: what a plugin's file says of itself, and how it does when it is tried.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "cli/params.h"
#include "cli/plugin_report.h"
#include "cli/plugin_trial.h"
#include "cli/plugins_command.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

struct CheckArguments {
  std::string file;
  bool no_run = false;
  std::string options;
  std::string params;
  std::string weights;
  std::string device;
  std::string torch_dir;
  std::string timeout = "2m";
};

// An object of JSON, or one of the file behind @.
Status ReadObject(const std::string& text, const char* option, json* object) {
  Result<json> read = ParseParams({}, text, option);
  if (!read.ok()) return read.status();
  *object = *std::move(read);
  return {};
}

Result<TrialOptions> ReadOptions(const CheckArguments& arguments) {
  TrialOptions options;
  Status status = ReadObject(arguments.options, "--options", &options.options);
  if (status.ok()) status = ReadObject(arguments.params, "--params", &options.params);
  if (!status.ok()) return status;
  options.weights = arguments.weights;
  options.device = arguments.device;
  options.torch_dir = arguments.torch_dir;
  const Result<std::chrono::milliseconds> limit = ParseDuration(arguments.timeout);
  if (!limit.ok()) return limit.status().Annotated("--timeout");
  if (limit->count() <= 0) {
    return Status::InvalidArgument("--timeout must be longer than nothing");
  }
  options.step_limit = *limit;
  return options;
}

ExitCode Tell(const Command& command, const PluginFile& file, const TrialReport& report) {
  json object = PluginReportJson(file);
  object["run"] = TrialJson(report);
  std::optional<Failure> failure;
  if (report.interrupted) {
    failure = Failure::Interrupted("interrupted; the plugin's process was ended");
  } else if (report.outcome() == TrialOutcome::kUnsound) {
    object["verdict"] = "unsound";
    failure = Failure::Local(
        Status::FailedPrecondition(fmt::format("{} is not sound: {}", file.path, report.Why()),
                                   "docs/plugin-abi.md has the rules of each step"));
  }
  if (!command.json) {
    const ExitCode printed = PrintText(TrialText(report, command.terminal));
    if (!failure) return printed;
  } else if (!failure) {
    return PrintJson(object);
  }
  return Report(command, *failure, std::move(object));
}

ExitCode Check(const Command& command, const CheckArguments& arguments) {
  const Result<TrialOptions> options = ReadOptions(arguments);
  const json refused = {{"file", arguments.file}, {"verdict", "refused"}};
  if (!options.ok()) return Report(command, Failure::Local(options.status()), json::object());
  const Result<PluginFile> file = InspectPlugin(arguments.file);
  if (!file.ok()) return Report(command, Failure::Local(file.status()), refused);
  if (!command.json) {
    if (const ExitCode code = PrintText(PluginReportText(*file)); code != ExitCode::kOk) {
      return code;
    }
  }
  json object = PluginReportJson(*file);
  object["run"] = nullptr;
  if (arguments.no_run) return command.json ? PrintJson(object) : ExitCode::kOk;
  const Result<TrialReport> report = TryPlugin(*file, *options, command.interrupts);
  if (!report.ok()) return Report(command, Failure::Local(report.status()), std::move(object));
  return Tell(command, *file, *report);
}

}  // namespace

void AddPluginsCheck(CLI::App* plugins, Command* command) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* check = plugins->add_subcommand(
      "check",
      "Tell what a plugin's file says of itself, whether a daemon would take it, and try "
      "it in a process of its own");
  check->add_option("FILE", arguments->file, "The plugin's .so")->required();
  check->add_flag("--no-run", arguments->no_run, "Read the file alone; none of its code is run");
  check->add_option("--weights", arguments->weights, "The model's weights, as in a configuration");
  check->add_option("--options", arguments->options,
                    "The model's options, as JSON or @FILE, as in a configuration");
  check->add_option("--params", arguments->params,
                    "The jobs' params, as JSON or @FILE; the schema's defaults fill in the rest");
  check->add_option("--device", arguments->device,
                    "cpu, cuda or cuda:1; the CPU if not given and the plugin runs there");
  check->add_option("--torch-dir", arguments->torch_dir,
                    "The folder of libtorch, as torch_dir of a configuration");
  check->add_option("--timeout", arguments->timeout, "How long one step may take, such as 30s")
      ->capture_default_str();
  check->callback([command, arguments] {
    command->run = [command, arguments] { return Check(*command, *arguments); };
  });
}

}  // namespace darkroom
