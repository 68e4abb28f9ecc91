// SPDX-License-Identifier: Apache-2.0
//
// SubmitArguments is the command line of `darkroom submit` as it was typed; SubmitOptions is what
// it means, checked.
//
// Plain values. One thread.

#ifndef DARKROOM_CLI_SUBMIT_OPTIONS_H_
#define DARKROOM_CLI_SUBMIT_OPTIONS_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/durable_request.h"
#include "cli/run_options.h"

namespace darkroom {

struct SubmitArguments {
  std::shared_ptr<RunArguments> request = std::make_shared<RunArguments>();
  std::string job_class = "normal";
  std::string reply_to;
  std::vector<std::string> tags;
  std::string timeout;
  bool wait = false;
  bool force = false;
};

struct SubmitOptions {
  RunOptions request;
  DurableParts job;
  bool wait = false;
  bool force = false;  // also where no daemon serves the model
};

Result<SubmitOptions> CheckSubmitArguments(const SubmitArguments& arguments,
                                           const std::string& prefix, const Terminal& terminal,
                                           bool json);

}  // namespace darkroom

#endif  // DARKROOM_CLI_SUBMIT_OPTIONS_H_
