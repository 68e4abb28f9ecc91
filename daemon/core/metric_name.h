// SPDX-License-Identifier: Apache-2.0
//
// What a plugin may call a metric of its.
//
// A pure function; any thread.

#ifndef DARKROOM_CORE_METRIC_NAME_H_
#define DARKROOM_CORE_METRIC_NAME_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace darkroom {

// How many a plugin may have: enough for any whose figures a person reads.
inline constexpr uint32_t kMostMetrics = 64;

// [a-z_][a-z0-9_]*, at most 64: what is left of a series' name behind the plugin's.
inline bool IsMetricName(std::string_view name) {
  if (name.empty() || name.size() > 64 || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace darkroom

#endif  // DARKROOM_CORE_METRIC_NAME_H_
