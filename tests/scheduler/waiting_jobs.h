// SPDX-License-Identifier: Apache-2.0
//
// Models with jobs in their queues, for tests of the scheduler. One thread.

#ifndef DARKROOM_TESTS_SCHEDULER_WAITING_JOBS_H_
#define DARKROOM_TESTS_SCHEDULER_WAITING_JOBS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "queue/model.h"

namespace darkroom {

class WaitingJobs {
 public:
  std::shared_ptr<Model> MakeModel(uint32_t max_batch, std::vector<std::string> batch_key = {},
                                   bool stepwise = false) {
    ModelConfig config;
    config.queue = 10'000;
    auto model = std::make_shared<Model>(config);
    auto contract = std::make_shared<ModelContract>();
    contract->max_batch = max_batch;
    contract->info.stepwise = stepwise;
    contract->info.batch_key = std::move(batch_key);
    contract->info.inputs = {{"prompt", ValueKind::kText, "", {}, true}};
    model->contract = std::move(contract);
    return model;
  }

  Job* Enqueue(const std::shared_ptr<Model>& model, const std::string& params = "{}",
               JobClass job_class = JobClass::kInteractive, const std::string& tenant = "") {
    auto job = std::make_unique<Job>();
    job->job_class = job_class;
    job->tenant = tenants_.For(tenant);
    job->token = ++last_;
    job->model = model;
    job->contract = model->contract;
    job->params = std::make_shared<const std::string>(params);
    model->queue.Push(job.get());
    jobs_.push_back(std::move(job));
    return jobs_.back().get();
  }

  // One that is due so long after the epoch.
  Job* EnqueueDue(const std::shared_ptr<Model>& model, Job::Clock::duration due) {
    Job* job = Enqueue(model);
    model->queue.Remove(job);
    job->deadline = Job::Clock::time_point(due);
    model->queue.Push(job);
    return job;
  }

 private:
  TenantTable tenants_{{{"gold", 3}}};
  uint64_t last_ = 0;
  std::vector<std::unique_ptr<Job>> jobs_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SCHEDULER_WAITING_JOBS_H_
