// SPDX-License-Identifier: Apache-2.0
//
// What jobs of a model take, as far as is known: moving means over about ten, which the scheduler
// charges tenants by, and admission tells people when to try again by.
//
// A plain value of the io_context's thread.

#ifndef DARKROOM_QUEUE_RUN_TIMES_H_
#define DARKROOM_QUEUE_RUN_TIMES_H_

#include <algorithm>
#include <cstdint>

namespace darkroom {

class RunTimes {
 public:
  // A job that was one of `batch_size`, which had the lane for so long, and the decoding of which
  // took `decode_ms`.
  void Add(double batch_ms, uint32_t batch_size, double decode_ms = 0) {
    const double jobs = std::max<double>(batch_size, 1);
    Move(&job_ms_, batch_ms / jobs);
    // Each job of a batch tells of the whole of it.
    Move(&batch_ms_, batch_ms, 1 / jobs);
    Move(&prepare_ms_, decode_ms * jobs, 1 / jobs);
    known_ = true;
  }
  // A job that ran in so many steps, which took `ms` together.
  void AddSteps(double ms, uint32_t steps) {
    step_ms_ = step_ms_ == 0 ? ms / steps : step_ms_ + (ms / steps - step_ms_) / 10;
  }

  double job_ms() const { return job_ms_; }          // a job's share of its lane's time
  double batch_ms() const { return batch_ms_; }      // how long a batch has the lane
  double prepare_ms() const { return prepare_ms_; }  // a batch's decoding, which comes before
  double step_ms() const { return step_ms_; }        // 0: of a model that does not run in steps

 private:
  void Move(double* mean, double value, double part = 1) const {
    *mean = known_ ? *mean + (value - *mean) * part / 10 : value;
  }

  bool known_ = false;
  double job_ms_ = 0;
  double batch_ms_ = 0;
  double prepare_ms_ = 0;
  double step_ms_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_RUN_TIMES_H_
