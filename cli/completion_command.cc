// SPDX-License-Identifier: Apache-2.0
//
// darkroom completion: a script that teaches a shell this command's own words.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/completion.h"

namespace darkroom {
namespace {

ExitCode Write(const Command& command, const CLI::App& app, const std::string& shell) {
  const CompletionTree tree = DescribeCommands(app);
  const std::string script = shell == "bash"  ? BashCompletion(tree)
                             : shell == "zsh" ? ZshCompletion(tree)
                                              : FishCompletion(tree);
  return command.json ? PrintJson({{"shell", shell}, {"script", script}}) : PrintText(script);
}

}  // namespace

void AddCompletionCommand(CLI::App* app, Command* command) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      app->add_subcommand("completion", "Print a script that completes this command in a shell");
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer(
      "bash: source <(darkroom completion bash)\n"
      "zsh:  darkroom completion zsh > ~/.zfunc/_darkroom   (a folder of $fpath)\n"
      "fish: darkroom completion fish | source");
  completion->callback([app, command, shell] {
    command->run = [app, command, shell] { return Write(*command, *app, *shell); };
  });
}

}  // namespace darkroom
