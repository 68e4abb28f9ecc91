// SPDX-License-Identifier: Apache-2.0
//
// BatchLine is one line of the file of `darkroom batch`: a job, as one JSON object.
//
// Plain values, pure functions; any thread.

#ifndef DARKROOM_CLI_BATCH_LINE_H_
#define DARKROOM_CLI_BATCH_LINE_H_

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/durable_request.h"
#include "cli/input.h"
#include "core/status.h"

namespace darkroom {

// What a line need not say.
struct BatchDefaults {
  std::string model;
  std::string job_class = "bulk";
};

struct BatchLine {
  DurableParts job;  // with its id, given or made
  std::vector<InputArgument> inputs;
  nlohmann::json params = nlohmann::json::object();
  std::string output;  // where its result goes; may be empty
  std::string accept;
  std::optional<std::chrono::milliseconds> deadline;
};

// {"model", "input" or "inputs", "params", "id", "tags", "class", "output", "accept", "deadline"}.
// Without an id it has one made of its text, its place and its model: the same file read again has
// the same ids. `number` counts from 1.
Result<BatchLine> ParseBatchLine(std::string_view text, uint64_t number,
                                 const BatchDefaults& defaults);

}  // namespace darkroom

#endif  // DARKROOM_CLI_BATCH_LINE_H_
