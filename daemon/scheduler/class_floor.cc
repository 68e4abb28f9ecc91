// SPDX-License-Identifier: Apache-2.0

#include "scheduler/class_floor.h"

#include <algorithm>
#include <cassert>

namespace darkroom {

JobClass ClassFloor::First(const PerClass<std::optional<double>>& waiting) const {
  std::optional<size_t> first;
  std::optional<size_t> owed;
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (!waiting[i]) continue;
    if (!first) {
      first = i;
    } else if (owed_ms_[i] >= *waiting[i]) {
      owed = i;  // the least urgent of those that are owed has waited longest
    }
  }
  assert(first);
  return static_cast<JobClass>(owed.value_or(*first));
}

void ClassFloor::Given(JobClass given, const PerClass<std::optional<double>>& waiting) {
  const auto index = static_cast<size_t>(given);
  const double ms = *waiting[index];
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (!waiting[i]) continue;
    // What it cannot use soon is not saved up. (Two batches, as what others are owed may go first.)
    owed_ms_[i] = std::min(owed_ms_[i] + ms * part_, 2 * *waiting[i]);
  }
  owed_ms_[index] = std::max(0.0, owed_ms_[index] - ms);
}

}  // namespace darkroom
