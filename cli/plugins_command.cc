// SPDX-License-Identifier: Apache-2.0
//
// darkroom plugins: what authors of plugins need.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/plugin_report.h"
#include "cli/plugin_template.h"
#include "cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

struct NewArguments {
  std::string name;
  std::string folder;
};

ExitCode WriteNew(const Command& command, const NewArguments& arguments) {
  const std::string folder = arguments.folder.empty() ? arguments.name : arguments.folder;
  json result = {{"plugin", arguments.name}, {"folder", folder}, {"files", json::array()}};
  const Result<std::vector<std::string>> written = WritePluginTemplate(arguments.name, folder);
  if (!written.ok()) return Report(command, Failure::Local(written.status()), std::move(result));
  if (command.json) {
    result["files"] = *written;
    return PrintJson(result);
  }
  return PrintText(fmt::format(
      "{0}: {1}\n"
      "build it:  cmake -S {0} -B {0}/build -DCMAKE_PREFIX_PATH=SDK && cmake --build {0}/build\n"
      "try it:    darkroomd --config {0}/darkroom.yaml\n",
      Printable(folder), fmt::join(*written, " ")));
}

ExitCode Check(const Command& command, const std::string& path) {
  const Result<PluginFile> file = InspectPlugin(path);
  if (!file.ok()) {
    return Report(command, Failure::Local(file.status()), {{"file", path}, {"verdict", "refused"}});
  }
  return command.json ? PrintJson(PluginReportJson(*file)) : PrintText(PluginReportText(*file));
}

}  // namespace

void AddPluginsCommand(CLI::App* app, Command* command) {
  CLI::App* plugins = app->add_subcommand("plugins", "Begin a plugin of your own, and check it");
  plugins->require_subcommand(1);
  auto arguments = std::make_shared<NewArguments>();
  CLI::App* fresh = plugins->add_subcommand(
      "new", "Write the beginning of a plugin: code, manifest, build and a configuration");
  fresh->add_option("NAME", arguments->name, "The plugin's name, such as sharp-eyes")->required();
  fresh->add_option("--folder", arguments->folder,
                    "Where to; a folder of the plugin's name if not given");
  fresh->callback([command, arguments] {
    command->run = [command, arguments] { return WriteNew(*command, *arguments); };
  });
  auto file = std::make_shared<std::string>();
  CLI::App* check = plugins->add_subcommand(
      "check", "Tell what a plugin's file says of itself, and whether a daemon would take it");
  check->add_option("FILE", *file, "The plugin's .so; none of its code is run")->required();
  check->callback(
      [command, file] { command->run = [command, file] { return Check(*command, *file); }; });
}

}  // namespace darkroom
