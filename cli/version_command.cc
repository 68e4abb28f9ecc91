// SPDX-License-Identifier: Apache-2.0
//
// darkroom version: what this program is. It asks nobody.

#include <fmt/format.h>
#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <string>

#include "cli/command.h"
#include "core/version.h"

namespace darkroom {

std::string VersionLine() { return std::string("darkroom ") + kVersion; }

void AddVersionCommand(CLI::App* app, Command* command) {
  CLI::App* version = app->add_subcommand("version", "Show the version of this program");
  version->callback([command] {
    command->run = [command] {
      if (!command->json) {
        return PrintText(fmt::format("{}\nNATS.c {}\n", VersionLine(), nats_GetVersion()));
      }
      return PrintJson({{"version", kVersion}, {"nats_c", nats_GetVersion()}});
    };
  });
}

}  // namespace darkroom
