// SPDX-License-Identifier: Apache-2.0
//
// Admission makes a job of a message, or says why not. It is the one place where the daemon commits
// itself: what it accepts will be answered, and what it would only let wait in vain it refuses at
// once.
//
// For the io_context's thread.

#ifndef DARKROOM_QUEUE_ADMISSION_H_
#define DARKROOM_QUEUE_ADMISSION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "config/config.h"
#include "message/request.h"
#include "queue/job.h"
#include "queue/job_table.h"
#include "queue/model.h"
#include "queue/tenant.h"

namespace darkroom {

// Where a subscription leads: a model, and what holds for the requests that come this way.
struct Endpoint {
  std::string subject;
  std::shared_ptr<Model> model;
  std::shared_ptr<const ModelContract> contract;  // that `rules` and `params` are by
  std::shared_ptr<EndpointStats> stats = std::make_shared<EndpointStats>();
  RequestRules rules;
  // The params of a request that gives none, checked and complete.
  std::shared_ptr<const std::string> params;
  // Whether the model has a seed that nobody has set: each job gets one of its own then, so that
  // its receipt says how to have the same again.
  bool picks_seed = false;

  // Prepares the rules and params from the model's and the route's own. An error is the
  // configuration's.
  static Result<Endpoint> Make(std::string subject, std::shared_ptr<Model> model,
                               const nlohmann::json& fixed_params, uint64_t max_input_bytes);
};

// A message that was not accepted: what to tell whom.
struct Refusal {
  Request request;
  Status status;
  uint32_t retry_after_s = 0;  // for busy
};

// On what terms a message is to be a job, besides those of its endpoint.
struct JobTerms {
  JobClass job_class = JobClass::kInteractive;
  // Set for a durable job, which has been waiting elsewhere for so long already.
  std::optional<std::chrono::milliseconds> waited;
  std::string id = {};  // of a durable job
};

class Admission {
 public:
  Admission(JobTable* jobs, const LimitsConfig& limits, const SchedulingConfig& scheduling);

  // On success the job is in the table and in its model's queue, and is returned; else nullptr, and
  // `refusal` is filled in.
  Job* Admit(const Endpoint& endpoint, Message message, const JobTerms& terms, Refusal* refusal);

  // From here on these hold; what was accepted by others stays.
  void SetLimits(const LimitsConfig& limits, const SchedulingConfig& scheduling);

  uint64_t refused() const { return refused_; }

 private:
  Status Check(const Endpoint& endpoint, Message message, const JobTerms& terms, Refusal* refusal,
               std::shared_ptr<const std::string>* params);
  Status CheckRoom(const Model& model, uint64_t bytes, const JobTerms& terms,
                   Refusal* refusal) const;
  Status CheckParams(const Endpoint& endpoint, Request* request,
                     std::shared_ptr<const std::string>* params);
  std::string MakeId();

  JobTable* jobs_;
  LimitsConfig limits_;
  TenantRule tenant_rule_;
  TenantTable tenants_;
  uint64_t last_token_ = 0;
  uint64_t refused_ = 0;
  std::mt19937_64 random_;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_ADMISSION_H_
