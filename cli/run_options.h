// SPDX-License-Identifier: Apache-2.0
//
// RunArguments is the command line of `darkroom run` as it was typed; RunOptions is what it means,
// checked.
//
// Plain values. One thread.

#ifndef DARKROOM_CLI_RUN_OPTIONS_H_
#define DARKROOM_CLI_RUN_OPTIONS_H_

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/input.h"
#include "cli/progress_bar.h"
#include "cli/terminal.h"
#include "core/status.h"

namespace CLI {
class App;
}

namespace darkroom {

struct RunArguments {
  std::string model;
  std::string subject;
  std::vector<std::string> inputs;
  std::vector<std::string> params;
  std::string params_json;
  std::string output;
  std::string accept;
  std::string deadline;
  std::string timeout;
  std::string job;
  std::string progress = "auto";  // auto, bar, plain, none
  bool quiet = false;
  bool show = false;
  std::string preview;
};

struct RunOptions {
  std::string model;  // may be empty where a subject is given
  std::string subject;
  std::vector<InputArgument> inputs;
  nlohmann::json params = nlohmann::json::object();
  std::string output;  // a path, "-" for standard output, or empty
  std::string accept;
  std::optional<std::chrono::milliseconds> deadline;
  std::optional<std::chrono::milliseconds> timeout;
  std::string job;
  ProgressMode progress = ProgressMode::kNone;
  bool quiet = false;
  bool show = false;    // a picture on the terminal
  std::string preview;  // a file for previews, or empty

  const std::string& label() const { return model.empty() ? subject : model; }
};

// The options that every command with a request has: inputs, params, output, form, deadline and how
// progress is shown.
void AddRequestOptions(CLI::App* command, const std::shared_ptr<RunArguments>& arguments);

// The word of --progress. "auto" is a bar on a terminal, unless the command is to be silent.
Result<ProgressMode> ParseProgressMode(const std::string& word, const Terminal& terminal,
                                       bool silent);

// Everything that can be found wrong without reading an input or asking a server is found here.
Result<RunOptions> CheckRunArguments(const RunArguments& arguments, const std::string& prefix,
                                     const Terminal& terminal, bool json);

}  // namespace darkroom

#endif  // DARKROOM_CLI_RUN_OPTIONS_H_
