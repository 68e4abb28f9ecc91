// SPDX-License-Identifier: Apache-2.0

#include "queue/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/json.h"
#include "core/units.h"
#include "queue/tenant_name.h"

namespace darkroom {
namespace {

// How long what waits for the model and is at least so urgent will take it, in milliseconds; 0 if
// that is not known.
double WaitMs(const Model& model, JobClass job_class) {
  size_t ahead = 0;
  for (size_t i = 0; i <= static_cast<size_t>(job_class); ++i) {
    ahead += model.queue.size(static_cast<JobClass>(i));
  }
  return model.times.job_ms() * static_cast<double>(ahead) / std::max(model.lanes, 1U);
}

// When there will be room, as far as that can be told: at least a second, as Retry-After counts in
// seconds; at most a minute, as nobody knows more than that.
uint32_t RetryAfter(double wait_ms) {
  return static_cast<uint32_t>(std::clamp(std::ceil(wait_ms / 1000), 1.0, 60.0));
}

bool LacksRequired(const nlohmann::json& schema, const nlohmann::json& params) {
  const auto required = schema.find("required");
  if (required == schema.end() || !required->is_array()) return false;
  return std::any_of(required->begin(), required->end(), [&](const nlohmann::json& name) {
    return name.is_string() && !params.contains(name.get_ref<const std::string&>());
  });
}

// Whether `seed` is a whole number that may be left out.
bool HasFreeSeed(const nlohmann::json& schema) {
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->contains("seed")) return false;
  const nlohmann::json& seed = (*properties)["seed"];
  return seed.value("type", nlohmann::json()) == "integer" && !seed.contains("default");
}

}  // namespace

Result<Endpoint> Endpoint::Make(std::string subject, std::shared_ptr<Model> model,
                                const nlohmann::json& fixed_params, uint64_t max_input_bytes) {
  Endpoint endpoint;
  endpoint.subject = std::move(subject);
  endpoint.contract = model->contract;
  endpoint.rules.info = &endpoint.contract->info;
  endpoint.rules.default_params = model->config.params;
  endpoint.rules.fixed_params = fixed_params;
  endpoint.rules.max_input_bytes = max_input_bytes;
  endpoint.model = std::move(model);
  if (endpoint.model->broken) return endpoint;

  nlohmann::json params = endpoint.rules.default_params;
  params.update(fixed_params);
  Status status = TakeOutputParams(endpoint.contract->info, &params, &endpoint.rules.image,
                                   &endpoint.rules.quality);
  // A parameter that is required and has no default is the requester's to give: then nothing can be
  // prepared.
  if (status.ok() && LacksRequired(endpoint.contract->info.params, params)) return endpoint;
  if (status.ok()) status = endpoint.contract->schema->Apply(params);
  if (!status.ok()) return status.Annotated(fmt::format("params of '{}'", endpoint.subject));
  endpoint.picks_seed = HasFreeSeed(endpoint.contract->info.params) && !params.contains("seed");
  endpoint.params = std::make_shared<const std::string>(WriteJson(params));
  return endpoint;
}

Admission::Admission(JobTable* jobs, const LimitsConfig& limits, const SchedulingConfig& scheduling)
    : jobs_(jobs), limits_(limits), tenant_rule_(scheduling.tenant), tenants_(scheduling.weights) {
  std::random_device device;
  random_.seed((static_cast<uint64_t>(device()) << 32) | device());
}

void Admission::SetLimits(const LimitsConfig& limits, const SchedulingConfig& scheduling) {
  limits_ = limits;
  tenant_rule_ = scheduling.tenant;
  tenants_.SetWeights(scheduling.weights);
}

Job* Admission::Admit(const Endpoint& endpoint, Message message, const JobTerms& terms,
                      Refusal* refusal) {
  std::shared_ptr<const std::string> params = endpoint.params;
  refusal->status = Check(endpoint, std::move(message), terms, refusal, &params);
  if (!refusal->status.ok()) {
    ++refused_;
    return nullptr;
  }
  auto job = std::make_unique<Job>();
  job->token = ++last_token_;
  job->model = endpoint.model;
  job->contract = endpoint.contract;
  job->stats = endpoint.stats;
  job->request = std::move(refusal->request);
  job->id = job->request.id.empty() ? MakeId() : job->request.id;
  job->params = std::move(params);
  job->job_class = terms.job_class;
  job->tenant = tenants_.For(TenantName(tenant_rule_, job->request.message));
  job->accepted = Job::Clock::now();
  job->waits_from = job->model->waits.At(job->accepted);
  job->deadline = job->accepted + job->request.deadline.value_or(endpoint.model->config.deadline) -
                  terms.waited.value_or(std::chrono::milliseconds(0));
  Job* accepted = job.get();
  jobs_->Add(std::move(job));
  endpoint.model->queue.Push(accepted);
  return accepted;
}

Status Admission::Check(const Endpoint& endpoint, Message message, const JobTerms& terms,
                        Refusal* refusal, std::shared_ptr<const std::string>* params) {
  Request& request = refusal->request;
  Model& model = *endpoint.model;
  const uint64_t bytes = message.bytes();
  if (message.reply().empty()) {
    return Status::InvalidArgument("the request has no reply subject: nobody could be answered");
  }
  if (model.broken) {
    request.message = std::move(message);
    request.reply = request.message.reply();
    return model.error;
  }
  Status status = ParseRequest(std::move(message), endpoint.rules, &request);
  if (!status.ok()) return status;
  status = CheckParams(endpoint, &request, params);
  if (!status.ok()) return status;
  if (jobs_->closed()) {
    refusal->retry_after_s = 1;
    return {Code::kBusy, "the daemon is stopping", "send the request to another host, or later"};
  }
  if (model.resting_until > Job::Clock::now()) {
    const auto rest = model.resting_until - Job::Clock::now();
    refusal->retry_after_s =
        static_cast<uint32_t>(std::chrono::ceil<std::chrono::seconds>(rest).count());
    return {Code::kBusy,
            fmt::format("the plugin of '{}' crashed again and again and rests: {}",
                        model.config.name, model.error.message()),
            fmt::format("try again in {} s; the daemon's log says more", refusal->retry_after_s)};
  }
  return CheckRoom(model, bytes, terms, refusal);
}

Status Admission::CheckRoom(const Model& model, uint64_t bytes, const JobTerms& terms,
                            Refusal* refusal) const {
  const std::string& name = model.config.name;
  const uint64_t model_bytes = model.config.queue_bytes;
  const double wait_ms = WaitMs(model, terms.job_class);
  std::string why;
  if (model.queue.full()) {
    why = fmt::format("{} jobs wait for '{}' already", model.queue.size(), name);
  } else if (model_bytes > 0 && model.queue.bytes() + bytes > model_bytes) {
    why = fmt::format("the requests that wait for '{}' hold {} already", name,
                      FormatSize(model.queue.bytes()));
  } else if (jobs_->bytes() + bytes > limits_.queued_bytes) {
    why = fmt::format("the waiting requests hold {} already", FormatSize(jobs_->bytes()));
  } else if (jobs_->size() >= limits_.queued) {
    why = fmt::format("the daemon has {} jobs already", jobs_->size());
  } else if (!terms.waited) {
    // Whoever sent it waits, and would in vain.
    const auto allowed = refusal->request.deadline.value_or(model.config.deadline);
    if (wait_ms > static_cast<double>(allowed.count())) {
      why = fmt::format(
          "its deadline of {:.1f} s would pass before its turn: {} jobs wait for "
          "'{}', which takes about {:.1f} s",
          static_cast<double>(allowed.count()) / 1000, model.queue.size(), name, wait_ms / 1000);
    }
  }
  if (why.empty()) return Status::Ok();
  refusal->retry_after_s = RetryAfter(wait_ms);
  return {Code::kBusy, std::move(why), fmt::format("try again in {} s", refusal->retry_after_s)};
}

Status Admission::CheckParams(const Endpoint& endpoint, Request* request,
                              std::shared_ptr<const std::string>* params) {
  if (request->params.is_null() && *params == nullptr) {
    nlohmann::json none = endpoint.rules.default_params;
    return endpoint.contract->schema->Apply(none);  // the words for what is missing
  }
  if (request->params.is_null() && !endpoint.picks_seed) return Status::Ok();
  if (request->params.is_null()) {
    request->params = nlohmann::json::parse(*endpoint.params);  // written by WriteJson
  } else if (Status status = endpoint.contract->schema->Apply(request->params); !status.ok()) {
    return status;
  }
  if (endpoint.picks_seed && !request->params.contains("seed")) {
    const nlohmann::json& rule = endpoint.contract->info.params["properties"]["seed"];
    const int64_t least = rule.value("minimum", int64_t{0});
    const int64_t most = rule.value("maximum", int64_t{INT32_MAX});
    request->params["seed"] = std::uniform_int_distribution<int64_t>(least, most)(random_);
  }
  *params = std::make_shared<const std::string>(WriteJson(request->params));
  return Status::Ok();
}

std::string Admission::MakeId() {
  constexpr std::string_view kAlphabet =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  // 16 of 62 letters, 95 bits: no two jobs of any number of hosts will meet.
  std::string id(16, '0');
  uint64_t bits = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    if (i % 8 == 0) bits = random_();
    id[i] = kAlphabet[bits % kAlphabet.size()];
    bits /= kAlphabet.size();
  }
  return id;
}

}  // namespace darkroom
