// SPDX-License-Identifier: Apache-2.0
//
// Runs the Python that compiles a network (cli/compile_unet.py, installed beside the programs), and
// makes of what it tells a result or a Failure.
//
// Free functions; one thread.

#ifndef DARKROOM_CLI_COMPILE_RUN_H_
#define DARKROOM_CLI_COMPILE_RUN_H_

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/interrupts.h"

namespace darkroom {

// Of libtorch, which alone runs what PyTorch of the same version compiled.
std::string_view CompilerTorchVersion();

// The script, as installed or in a build. Throws nothing: where it is missing, a path that is not.
std::filesystem::path CompilerScript();

// Where `python` is, by the PATH if it is a name alone. Nothing: empty.
std::string FindProgram(const std::string& name);

struct CompileRun {
  std::string python;                  // a path
  std::vector<std::string> arguments;  // the script's
  std::function<void(const std::string& stage)> on_progress;
};

// Waits for it. What the compiler printed is written to standard error if it failed without saying
// why. Ctrl-C ends it, and what it had written goes away.
Outcome<nlohmann::json> RunCompiler(const CompileRun& run, Interrupts* interrupts);

}  // namespace darkroom

#endif  // DARKROOM_CLI_COMPILE_RUN_H_
