// SPDX-License-Identifier: Apache-2.0
//
// darkroom plugins ls, darkroom plugins show: what the daemons have loaded, and how it is.

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/gather.h"
#include "cli/plugin_list.h"
#include "cli/plugins_command.h"

namespace darkroom {
namespace {

using nlohmann::json;

// All plugins, or the one named.
ExitCode Show(const Command& command, const std::string& id) {
  Outcome<std::vector<json>> outcome = GatherControl(command, "plugins");
  if (const auto* failure = std::get_if<Failure>(&outcome)) {
    return Report(command, *failure, {{"hosts", json::array()}});
  }
  const auto& all = std::get<std::vector<json>>(outcome);
  const std::vector<json> hosts = id.empty() ? all : OnlyPlugin(all, id);
  if (hosts.empty()) {
    return Report(command, NoSuchPlugin(all, id, WithoutPasswords(command.url)),
                  {{"hosts", json::array()}});
  }
  if (command.json) return PrintJson({{"hosts", hosts}});
  return PrintText(id.empty() ? PluginTable(hosts, command.terminal)
                              : PluginText(hosts, command.terminal));
}

}  // namespace

void AddPluginsList(CLI::App* plugins, Command* command) {
  CLI::App* list = plugins->add_subcommand("ls", "List the plugins that the daemons have");
  list->callback([command] { command->run = [command] { return Show(*command, {}); }; });
  auto id = std::make_shared<std::string>();
  CLI::App* show = plugins->add_subcommand(
      "show", "Show one plugin: its file, generation, workers, crashes and last error");
  show->add_option("ID", *id, "The plugin's id, as `plugins ls` shows it")->required();
  show->callback([command, id] { command->run = [command, id] { return Show(*command, *id); }; });
}

}  // namespace darkroom
