// SPDX-License-Identifier: Apache-2.0
//
// What a folder of weights was pulled from: a file of its own in it, by which it can be checked
// later that nothing has changed. Any thread.

#ifndef DARKROOM_CLI_HUB_HUB_RECORD_H_
#define DARKROOM_CLI_HUB_HUB_RECORD_H_

#include <filesystem>
#include <string>
#include <vector>

#include "cli/hub/hub_files.h"
#include "core/status.h"

namespace darkroom {

inline constexpr const char* kHubRecord = ".darkroom.json";

// Every file with its SHA-256.
Status WriteHubRecord(const std::filesystem::path& folder, const HubModel& model);
Result<HubModel> ReadHubRecord(const std::filesystem::path& folder);

}  // namespace darkroom

#endif  // DARKROOM_CLI_HUB_HUB_RECORD_H_
