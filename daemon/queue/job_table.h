// SPDX-License-Identifier: Apache-2.0
//
// JobTable owns every job between acceptance and end, counts them, and sees to it that each ends
// exactly once.
//
// For the io_context's thread.

#ifndef DARKROOM_QUEUE_JOB_TABLE_H_
#define DARKROOM_QUEUE_JOB_TABLE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "core/gate.h"
#include "queue/job.h"

namespace darkroom {

class JobTable {
 public:
  // Takes the job over; false (and the job is gone) once closed.
  bool Add(std::unique_ptr<Job> job);

  Job* Find(uint64_t token) const;

  void Start(Job* job);  // queued -> running; counts the attempt
  // running -> queued, to be run again. An attempt that came to nothing need not count.
  void GiveBack(Job* job, bool count);

  // Moves a job to its terminal state and out of the table. nullptr: it had ended before, and
  // nothing is left to do.
  std::unique_ptr<Job> End(uint64_t token, JobState state);

  // Keeps where a job is, instead of what was kept of it before. False: the states of all jobs
  // would then have more than `most` bytes, and it stays as it was.
  bool KeepState(Job* job, SavedState state, uint64_t most);

  // Takes a job that waits out of the table, unended.
  void Drop(uint64_t token);

  // Lets no more in, and calls back when the last one has ended.
  void Close(std::function<void()> on_empty) { gate_.Close(std::move(on_empty)); }
  bool closed() const { return gate_.closed(); }

  // Visits all jobs; `visit` must not end any.
  void ForEach(const std::function<void(Job&)>& visit) const;

  size_t size() const { return jobs_.size(); }
  uint64_t Count(JobState state) const { return counts_[static_cast<size_t>(state)]; }
  // Of the inputs of all jobs in the table.
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t& CountOf(JobState state) { return counts_[static_cast<size_t>(state)]; }

  std::unordered_map<uint64_t, std::unique_ptr<Job>> jobs_;
  std::array<uint64_t, 6> counts_{};  // queued and running: now; the others: ever
  uint64_t bytes_ = 0;
  Gate gate_;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_JOB_TABLE_H_
