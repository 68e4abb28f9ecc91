// SPDX-License-Identifier: Apache-2.0
//
// What a batch says at its end: how many of its jobs ended how, and what went wrong.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_BATCH_REPORT_H_
#define DARKROOM_CLI_BATCH_REPORT_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/batch_tally.h"
#include "cli/terminal.h"

namespace darkroom {

std::string BatchText(const BatchTally& tally, std::chrono::duration<double> took,
                      const Terminal& terminal);

nlohmann::json BatchJson(const BatchTally& tally, std::chrono::duration<double> took);

}  // namespace darkroom

#endif  // DARKROOM_CLI_BATCH_REPORT_H_
