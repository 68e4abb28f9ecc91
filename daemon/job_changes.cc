// SPDX-License-Identifier: Apache-2.0
//
// What changes of models, routes and limits are to the jobs: JobFlow::SetLimits, Describe and what
// goes with them.

#include <fmt/format.h>

#include <utility>

#include "job_flow.h"

namespace darkroom {

void JobFlow::SetLimits(const LimitsConfig& limits, const SchedulingConfig& scheduling) {
  stop_grace_ = limits.stop_grace;
  admission_.SetLimits(limits, scheduling);
  scheduler_.SetFloor(scheduling.floor);
}

void JobFlow::KeepReceipts(const Model& model) {
  jobs_.ForEach([&](const Job& job) {
    if (job.model.get() != &model || job.state != JobState::kRunning) return;
    kept_.emplace(job.token, receipts_.at(&model).receipt);
  });
}

void JobFlow::Describe(const std::shared_ptr<Model>& described) {
  std::erase_if(receipts_, [](const auto& one) { return one.second.model.expired(); });
  const Model& model = *described;
  auto receipt = std::make_shared<ModelReceipt>();
  receipt->model = model.config.name;
  receipt->host = host_name_;
  if (!model.info().id.empty()) {
    receipt->plugin = fmt::format("{} {} sha256:{}", model.info().id, model.info().version,
                                  model.contract->plugin_digest);
  }
  if (!model.weights_digest.empty()) receipt->weights = "sha256:" + model.weights_digest;
  receipts_[&model] = {described, std::move(receipt)};
}

boost::asio::awaitable<void> JobFlow::Left(const Endpoint& endpoint) {
  const auto none = [this, &endpoint] { return fetching_.count(&endpoint) == 0; };
  co_await fetches_.Until(none);
}

}  // namespace darkroom
