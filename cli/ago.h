// SPDX-License-Identifier: Apache-2.0
//
// Points in time as people say them: "3 min ago", and what they write for one: "1h", "30d".
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_AGO_H_
#define DARKROOM_CLI_AGO_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

using WallTime = std::chrono::system_clock::time_point;

// "2026-11-21T14:00:02.315Z", as states of jobs have it.
std::optional<WallTime> ParseTimestamp(const std::string& text);

// "now", "12 s ago", "3 min ago", "2 h ago", "5 d ago"; a clock that is behind sees no future.
std::string Ago(WallTime time, WallTime now);
// The same of a timestamp; "" where it is none.
std::string Ago(const std::string& timestamp, WallTime now);

}  // namespace darkroom

#endif  // DARKROOM_CLI_AGO_H_
