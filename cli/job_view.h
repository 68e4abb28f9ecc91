// SPDX-License-Identifier: Apache-2.0
//
// Durable jobs for people: a row each, all that is known of one, and one line for a change.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_JOB_VIEW_H_
#define DARKROOM_CLI_JOB_VIEW_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/ago.h"
#include "cli/terminal.h"

namespace darkroom {

// JOB MODEL CLASS STATE SUBMITTED TOOK TRIES HOST NOTE
std::string JobTable(const std::vector<nlohmann::json>& states, WallTime now,
                     const Terminal& terminal);

// Everything: the state, the attempts, the error, the receipt.
std::string JobText(const nlohmann::json& state, WallTime now);

// "album-42-7  photo-enhance  running  25%, tile 4/16": a line without its end.
std::string JobLine(const nlohmann::json& state);

// How far it is while it runs, else what went wrong.
std::string JobNote(const nlohmann::json& state);

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOB_VIEW_H_
