// SPDX-License-Identifier: Apache-2.0
//
// darkroom plugins: what authors of plugins and those who run daemons need. `plugins new` is here.

#include "cli/plugins_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/command.h"
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

}  // namespace

void AddPluginsCommand(CLI::App* app, Command* command) {
  CLI::App* plugins = app->add_subcommand(
      "plugins",
      "See and change what the daemons have loaded; begin and check a plugin of your own");
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
  AddPluginsCheck(plugins, command);
  AddPluginsList(plugins, command);
  AddPluginsChange(plugins, command);
}

}  // namespace darkroom
