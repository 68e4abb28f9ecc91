// SPDX-License-Identifier: Apache-2.0
//
// Small arithmetic with durations and moments.
//
// Pure; any thread.

#ifndef DARKROOM_CORE_TIMES_H_
#define DARKROOM_CORE_TIMES_H_

#include <chrono>
#include <optional>

namespace darkroom {

// Milliseconds, with their fractions.
template <typename Rep, typename Period>
double Ms(std::chrono::duration<Rep, Period> duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// The earlier of what is known and another.
template <typename Time>
void SetEarlier(std::optional<Time>* time, Time other) {
  if (!*time || other < **time) *time = other;
}

}  // namespace darkroom

#endif  // DARKROOM_CORE_TIMES_H_
