// SPDX-License-Identifier: Apache-2.0
//
// Durations and sizes as people write them, in the configuration, in headers and on the command
// line: "250ms", "30s", "10m", "1h30m"; "4096", "64KiB", "8MiB", "2GiB", and the decimal "KB",
// "MB", "GB".
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CORE_UNITS_H_
#define DARKROOM_CORE_UNITS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

// A number without a unit is refused: nobody should have to guess whether 30 was seconds.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// A number without a unit is bytes.
Result<uint64_t> ParseSize(std::string_view text);

// "250 ms", "1.5 s", "600 s": for messages.
std::string FormatDuration(std::chrono::milliseconds duration);

// "64 MiB", "4.1 GiB", "512 bytes": for messages.
std::string FormatSize(uint64_t bytes);

}  // namespace darkroom

#endif  // DARKROOM_CORE_UNITS_H_
