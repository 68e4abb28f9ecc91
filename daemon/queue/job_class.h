// SPDX-License-Identifier: Apache-2.0
//
// The class of a job says how urgent it is: somebody waits at the other end (interactive), the job
// was submitted to be done soon (normal), or whenever there is room (bulk).
//
// Pure; any thread.

#ifndef DARKROOM_QUEUE_JOB_CLASS_H_
#define DARKROOM_QUEUE_JOB_CLASS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace darkroom {

// The first goes first.
enum class JobClass : uint8_t { kInteractive, kNormal, kBulk };

inline constexpr std::array<std::string_view, 3> kJobClasses = {"interactive", "normal", "bulk"};

inline constexpr std::optional<JobClass> JobClassByName(std::string_view name) {
  for (size_t i = 0; i < kJobClasses.size(); ++i) {
    if (kJobClasses[i] == name) return static_cast<JobClass>(i);
  }
  return std::nullopt;
}

// A value for each class.
template <typename Value>
using PerClass = std::array<Value, kJobClasses.size()>;

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_JOB_CLASS_H_
