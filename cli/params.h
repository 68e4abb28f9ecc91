// SPDX-License-Identifier: Apache-2.0
//
// Parameters as they are written on the command line: `-p key=value` and `--params JSON`.
//
// Pure, save that --params @FILE reads the file. One thread.

#ifndef DARKROOM_CLI_PARAMS_H_
#define DARKROOM_CLI_PARAMS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

// A value is JSON where it is a number, true, false, null, an array or an object, and else a string
// as it stands.
nlohmann::json ParseParamValue(std::string_view text);

// One object: `json` (an object's text, @FILE, or empty) with the assignments over it; a later one
// wins. `option` is what `json` was given by, for messages.
Result<nlohmann::json> ParseParams(const std::vector<std::string>& assignments,
                                   const std::string& json, std::string_view option = "--params");

}  // namespace darkroom

#endif  // DARKROOM_CLI_PARAMS_H_
