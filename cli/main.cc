// SPDX-License-Identifier: Apache-2.0
//
// darkroom: the command that people type. Each subcommand is one file, NAME_command.cc; docs/cli.md
// shows them all.

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "cli/bench_command.h"
#include "cli/command.h"
#include "cli/doctor_command.h"
#include "cli/exit_code.h"
#include "cli/interrupts.h"
#include "cli/request.h"

namespace darkroom {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 ok, 1 job failed, 2 usage, 3 not found, 4 permission, 5 cannot connect,\n"
    "6 deadline, 7 refused, 8 configuration, 130 interrupted.\n"
    "Examples:\n"
    "  darkroom run photo-enhance -i photo.jpg -o better.png -p scale=2\n"
    "  darkroom models photo-enhance";

void AddGlobalOptions(CLI::App* app, Command* command) {
  app->add_option("--url", command->url, "The NATS server, or several separated by commas")
      ->envname("NATS_URL")
      ->capture_default_str();
  app->add_option("--creds", command->credentials, "A .creds file for the NATS server")
      ->envname("NATS_CREDS");
  app->add_option("--context", command->context,
                  "A context of the nats tool; the selected one if nothing else is given")
      ->envname("NATS_CONTEXT");
  app->add_option("--prefix", command->prefix, "The prefix of the daemon's subjects")
      ->capture_default_str();
  app->add_flag("--json", command->json, "Print one JSON object with stable fields");
  app->set_version_flag("--version", VersionLine());
}

int Main(int argc, char** argv) {
  // A reader that goes away is an error to report, not a reason to die without a word.
  std::signal(SIGPIPE, SIG_IGN);
  Command command;
  CLI::App app("darkroom runs models on GPU hosts, over NATS.", "darkroom");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand after the command's name, too
  AddGlobalOptions(&app, &command);
  AddRunCommand(&app, &command);
  AddSubmitCommand(&app, &command);
  AddBatchCommand(&app, &command);
  AddJobsCommand(&app, &command);
  AddDeadCommand(&app, &command);
  AddModelsCommand(&app, &command);
  AddPluginsCommand(&app, &command);
  AddPsCommand(&app, &command);
  AddStatusCommand(&app, &command);
  AddTopCommand(&app, &command);
  AddDoctorCommand(&app, &command);
  AddDrainCommand(&app, &command);
  AddReloadCommand(&app, &command);
  AddBenchCommand(&app, &command);
  AddConfigCommand(&app, &command);
  AddCompletionCommand(&app, &command);
  AddVersionCommand(&app, &command);
  if (argc == 1) {
    WriteError(app.help());
    return static_cast<int>(ExitCode::kUsage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Zero for --help and --version; every other way to stop here is a wrong command line.
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  command.terminal = Terminal::Detect();
  command.url_given = app.get_option("--url")->count() > 0;
  if (!IsConcreteSubject(command.prefix)) {
    return static_cast<int>(Report(command,
                                   Failure::Local(Status::InvalidArgument(
                                       "--prefix '" + command.prefix + "' cannot begin a subject")),
                                   nlohmann::json::object()));
  }
  Interrupts interrupts;
  command.interrupts = &interrupts;
  return static_cast<int>(command.run());
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  // What is thrown up to here (no memory, a bug) has no better place to be told.
  try {
    return darkroom::Main(argc, argv);
  } catch (const std::exception& error) {
    darkroom::WriteError(std::string("darkroom: ") + error.what() + "\n");
    return static_cast<int>(darkroom::ExitCode::kJobFailed);
  }
}
