// SPDX-License-Identifier: Apache-2.0
//
// Which class goes first: the most urgent one that has something ready; yet of all the time that is
// given out while a class waits it is owed a part, and it goes first once it is owed what its next
// batch takes. So a class that waits gets at least that part of the lanes' time, and what is at its
// head waits no longer than what its batch takes divided by the part.
//
// A plain value of the io_context's thread.

#ifndef DARKROOM_SCHEDULER_CLASS_FLOOR_H_
#define DARKROOM_SCHEDULER_CLASS_FLOOR_H_

#include <optional>

#include "queue/job_class.h"

namespace darkroom {

class ClassFloor {
 public:
  explicit ClassFloor(double part) : part_(part) {}

  void SetPart(double part) { part_ = part; }

  // `waiting`: of each class that has something ready, what its next batch takes, in milliseconds.
  // There is one.
  JobClass First(const PerClass<std::optional<double>>& waiting) const;
  // The first batch of this class was given out.
  void Given(JobClass given, const PerClass<std::optional<double>>& waiting);

 private:
  double part_;
  PerClass<double> owed_ms_{};
};

}  // namespace darkroom

#endif  // DARKROOM_SCHEDULER_CLASS_FLOOR_H_
