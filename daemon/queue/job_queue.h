// SPDX-License-Identifier: Apache-2.0
//
// JobQueue is a model's one line of waiting jobs: bounded, first in, first out. It holds no jobs,
// only their places.
//
// For the io_context's thread.

#ifndef DARKROOM_QUEUE_JOB_QUEUE_H_
#define DARKROOM_QUEUE_JOB_QUEUE_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <deque>

#include "queue/job.h"

namespace darkroom {

class JobQueue {
 public:
  explicit JobQueue(size_t capacity) : capacity_(capacity) {}

  bool full() const { return jobs_.size() >= capacity_; }
  bool empty() const { return jobs_.empty(); }
  size_t size() const { return jobs_.size(); }
  size_t capacity() const { return capacity_; }

  Job* front() const { return jobs_.front(); }
  Job* at(size_t place) const { return jobs_[place]; }

  void Push(Job* job) {
    assert(!full());
    jobs_.push_back(job);
  }
  // A job that was given out comes back to where it was: before all that were accepted after it.
  // It had a place once, so the queue may be longer than its capacity for a while.
  void PutBack(Job* job) {
    jobs_.insert(std::upper_bound(jobs_.begin(), jobs_.end(), job,
                                  [](const Job* a, const Job* b) { return a->token < b->token; }),
                 job);
  }
  void PopFront() { jobs_.pop_front(); }

  // For a job that ends while it waits.
  void Remove(const Job* job) {
    jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), job), jobs_.end());
  }

 private:
  size_t capacity_;
  std::deque<Job*> jobs_;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_JOB_QUEUE_H_
