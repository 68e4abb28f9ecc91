// SPDX-License-Identifier: Apache-2.0
//
// JobRuns are the places that an instance has for jobs: those of the batch that runs, of the next,
// which is decoded meanwhile, and of the last, which is encoded. What was given back longest ago is
// taken first, so that a pointer of an ended job is not soon taken for a new one's.
//
// Any thread.

#ifndef DARKROOM_HOST_JOB_RUNS_H_
#define DARKROOM_HOST_JOB_RUNS_H_

#include <darkroom/plugin.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "host/job_run.h"
#include "host/module.h"

namespace darkroom::host {

class JobRuns {
 public:
  // `info`, which must outlive this, says what goes in and out.
  JobRuns(const std::shared_ptr<Module>& module, const ModelInfo& info, uint32_t max_batch);

  uint32_t max_batch() const { return max_batch_; }

  // A place for each of so many jobs, held for the caller; empty if there are not so many free.
  std::vector<JobRun*> TryTake(size_t count);
  // Waits until there are; for at most max_batch.
  std::vector<JobRun*> Take(size_t count);
  // Of whoever took it, or has had it held.
  void LetGo(JobRun* run);

  // Whose dr_job_t this is, or nullptr. `job` is compared and never followed.
  JobRun* Find(const dr_job_t* job) const;

 private:
  std::vector<JobRun*> TakeLocked(size_t count);

  const uint32_t max_batch_;
  std::vector<std::unique_ptr<JobRun>> runs_;            // never changes
  std::unordered_map<const dr_job_t*, JobRun*> by_abi_;  // never changes
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::deque<JobRun*> free_;  // guarded by mutex_
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JOB_RUNS_H_
