// SPDX-License-Identifier: Apache-2.0
//
// JobQueue is where a model's jobs wait: one bounded queue, ordered in lines, one for each class
// and tenant that has jobs in it; in a line the earliest deadline is first. It holds no jobs, only
// their places.
//
// For the io_context's thread.

#ifndef DARKROOM_QUEUE_JOB_QUEUE_H_
#define DARKROOM_QUEUE_JOB_QUEUE_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "queue/job.h"
#include "queue/job_class.h"
#include "queue/tenant.h"

namespace darkroom {

class JobQueue {
 public:
  struct Line {
    JobClass job_class;
    std::shared_ptr<Tenant> tenant;
    std::deque<Job*> jobs;  // never empty
  };

  explicit JobQueue(size_t capacity) : capacity_(capacity) {}

  bool full() const { return size_ >= capacity_; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  // What is here beyond a smaller one stays.
  void set_capacity(size_t capacity) { capacity_ = capacity; }
  size_t size(JobClass job_class) const { return sizes_[static_cast<size_t>(job_class)]; }
  uint64_t bytes() const { return bytes_; }  // of the requests of all of them

  void Push(Job* job) {
    assert(!full());
    PutBack(job);
  }
  // A job that was given out comes back to where it was. It had a place once, so the queue may be
  // longer than its capacity for a while.
  void PutBack(Job* job);
  void Remove(const Job* job);  // which is here
  // All of them, in the order in which they were accepted.
  std::vector<Job*> TakeAll();

  // Urgent classes first; within a class in no particular order.
  const std::vector<Line>& lines() const { return lines_; }
  // The job that was accepted first; there is one.
  Job* Oldest() const;
  // Visits all; `visit` must not change the queue.
  void ForEach(const std::function<void(Job*)>& visit) const;

 private:
  std::vector<Line>::iterator FindLine(const Job& job);

  size_t capacity_;
  size_t size_ = 0;
  PerClass<size_t> sizes_{};
  uint64_t bytes_ = 0;
  std::vector<Line> lines_;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_JOB_QUEUE_H_
