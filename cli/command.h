// SPDX-License-Identifier: Apache-2.0
//
// What every command is given, and how it ends: the options before the command's name, the
// terminal, Ctrl-C, and one way to print a result and to report a failure.
//
// One thread.

#ifndef DARKROOM_CLI_COMMAND_H_
#define DARKROOM_CLI_COMMAND_H_

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/interrupts.h"
#include "cli/terminal.h"

namespace CLI {
class App;
}

namespace darkroom {

struct Command {
  // Global options.
  std::string url = "nats://127.0.0.1:4222";
  std::string credentials;
  std::string context;  // of the `nats` tool
  std::string prefix = "darkroom";
  bool json = false;

  Terminal terminal;
  Interrupts* interrupts = nullptr;
  // Set by the subcommand that was named; main calls it once all arguments are read.
  std::function<ExitCode()> run;

  // Whether --url, or NATS_URL, was given: it then goes before a context's.
  bool url_given = false;

  Outcome<std::unique_ptr<Client>> Connect() const;
  // How to connect: the options, or the context that was named or is the selected one.
  Result<ConnectOptions> Connection() const;
  // "darkroom.control.status"
  std::string ControlSubject(std::string_view what) const;
};

// What every daemon answers to a control request, such as "status".
Outcome<std::vector<nlohmann::json>> GatherControl(const Command& command, std::string_view what);

// Writes all of it to standard output. A reader that has gone is a failure, since somebody did not
// get it all.
Status WriteOutput(std::string_view text);
// To standard error, unbuffered; nobody can be told if that fails.
void WriteError(std::string_view text);

ExitCode PrintText(std::string_view text);
ExitCode PrintJson(const nlohmann::json& value);

// Says on standard error what went wrong; with --json also on standard output, as `object` with
// "error" added.
ExitCode Report(const Command& command, const Failure& failure, nlohmann::json object);

// One for each file of that name: adds the subcommand to the application. `command` must outlive
// it.
void AddBatchCommand(CLI::App* app, Command* command);
void AddCompletionCommand(CLI::App* app, Command* command);
void AddConfigCommand(CLI::App* app, Command* command);
void AddDeadCommand(CLI::App* app, Command* command);
void AddDrainCommand(CLI::App* app, Command* command);
void AddReloadCommand(CLI::App* app, Command* command);
void AddJobsCommand(CLI::App* app, Command* command);
void AddRunCommand(CLI::App* app, Command* command);
void AddModelsCommand(CLI::App* app, Command* command);
// Below `models`.
void AddModelsCompileCommand(CLI::App* models, Command* command);
void AddModelsPullCommand(CLI::App* models, Command* command);
void AddPluginsCommand(CLI::App* app, Command* command);
void AddPsCommand(CLI::App* app, Command* command);
void AddStatusCommand(CLI::App* app, Command* command);
void AddSubmitCommand(CLI::App* app, Command* command);
void AddTopCommand(CLI::App* app, Command* command);
void AddVersionCommand(CLI::App* app, Command* command);

// "darkroom 0.1.0"
std::string VersionLine();

}  // namespace darkroom

#endif  // DARKROOM_CLI_COMMAND_H_
