// SPDX-License-Identifier: Apache-2.0
//
// Gathering: one control request, and the answers of every daemon that hears it.
//
// One thread; the client's.

#ifndef DARKROOM_CLI_GATHER_H_
#define DARKROOM_CLI_GATHER_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/exit_code.h"

namespace darkroom {

// Waits up to 2 s for the first answer and 150 ms more for others. The answers are sorted by host;
// there is at least one. Nobody there is Failure::Unreachable.
Outcome<std::vector<nlohmann::json>> Gather(Client* client, const std::string& subject);

// A field of an answer, or the default where it is absent or of another type: daemons of other
// versions may leave one out, and a table with a gap is better than none.
std::string TextField(const nlohmann::json& object, const char* name);
uint64_t CountField(const nlohmann::json& object, const char* name);
double NumberField(const nlohmann::json& object, const char* name);
// An object or array field; an empty one where it is absent.
const nlohmann::json& PartField(const nlohmann::json& object, const char* name);

}  // namespace darkroom

#endif  // DARKROOM_CLI_GATHER_H_
