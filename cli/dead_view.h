// SPDX-License-Identifier: Apache-2.0
//
// Dead letters for people: a row each, and all that one says.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_DEAD_VIEW_H_
#define DARKROOM_CLI_DEAD_VIEW_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/ago.h"
#include "cli/terminal.h"

namespace darkroom {

// Of DeadLetterOf (kept_job.h): JOB MODEL CLASS DIED TRIES SIZE ERROR
std::string DeadTable(const std::vector<nlohmann::json>& letters, WallTime now,
                      const Terminal& terminal);

std::string DeadText(const nlohmann::json& letter, WallTime now);

}  // namespace darkroom

#endif  // DARKROOM_CLI_DEAD_VIEW_H_
