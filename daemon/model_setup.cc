// SPDX-License-Identifier: Apache-2.0

#include "model_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/json.h"
#include "worker/records.h"

namespace darkroom {
namespace {

// They go to a worker in one packet, with the model's name and weights.
constexpr size_t kMostOptions = size_t{64} << 10;

Status Describe(const FindPluginFile& find, Model* model) {
  auto plugin = find(model->config.plugin);
  if (!plugin.ok()) return plugin.status();
  auto contract = MakeContract(**plugin, 0, model->config);
  if (!contract.ok()) return contract.status();
  model->contract = *std::move(contract);
  return Status::Ok();
}

}  // namespace

Result<std::shared_ptr<const ModelContract>> MakeContract(const PluginFile& file,
                                                          uint32_t generation,
                                                          const ModelConfig& config) {
  if (const size_t size = WriteJson(config.options).size(); size > kMostOptions) {
    return Status::InvalidArgument(
        fmt::format("the model's options are {} bytes long; at most {} are", size, kMostOptions),
        "keep what is longer in a file, and name that");
  }
  auto contract = std::make_shared<ModelContract>();
  auto info = ModelInfoFor(file.info, config.options);
  if (!info.ok()) return info.status();
  contract->config = std::make_shared<const ModelConfig>(config);
  contract->info = *std::move(info);
  contract->plugin_digest = file.sha256;
  contract->generation = generation;
  auto schema = ParamsSchema::Compile(contract->info.params);
  if (!schema.ok()) {
    return schema.status().Annotated(fmt::format("plugin '{}', params", file.info.id));
  }
  contract->schema.emplace(std::move(*schema));
  contract->max_batch =
      std::min({contract->info.batch_max, config.max_batch.value_or(UINT32_MAX), kMostJobsARun});
  return std::shared_ptr<const ModelContract>(std::move(contract));
}

std::vector<std::shared_ptr<Model>> SetUpModels(const Config& config, const FindPluginFile& find) {
  std::vector<std::shared_ptr<Model>> models;
  for (const ModelConfig& one : config.models) {
    auto model = std::make_shared<Model>(one);
    if (Status status = Describe(find, model.get()); !status.ok()) {
      model->broken = true;
      model->state = ModelState::kFailed;
      model->error = std::move(status);
    }
    models.push_back(std::move(model));
  }
  return models;
}

Result<std::vector<Endpoint>> SetUpEndpoints(const Config& config,
                                             const std::vector<std::shared_ptr<Model>>& models) {
  std::vector<Endpoint> endpoints;
  const auto add = [&](std::string subject, const std::shared_ptr<Model>& model,
                       const nlohmann::json& params) {
    auto endpoint = Endpoint::Make(std::move(subject), model, params, config.limits.input_bytes);
    if (endpoint.ok()) endpoints.push_back(std::move(*endpoint));
    return endpoint.status();
  };
  for (const auto& model : models) {
    Status status = add(fmt::format("{}.run.{}", config.nats.prefix, model->config.name), model,
                        nlohmann::json::object());
    if (!status.ok()) return status;
  }
  for (const RouteConfig& route : config.routes) {
    const auto model = std::find_if(models.begin(), models.end(), [&](const auto& one) {
      return one->config.name == route.model;
    });
    Status status = add(route.subject, *model, route.params);
    if (!status.ok()) return status;
  }
  return endpoints;
}

std::vector<std::string> WarningsOf(const std::vector<std::shared_ptr<Model>>& models) {
  std::vector<std::string> warnings;
  for (const auto& model : models) {
    const ModelConfig& config = model->config;
    if (model->broken) {
      warnings.push_back(
          fmt::format("model '{}' cannot be served: {}", config.name, model->error.ToString()));
    } else if (!config.weights.empty() && !std::filesystem::exists(config.weights)) {
      warnings.push_back(
          fmt::format("model '{}' has no weights at '{}'", config.name, config.weights));
    }
  }
  return warnings;
}

Result<Endpoint> RemakeEndpoint(const Endpoint& endpoint, const Config& config,
                                std::shared_ptr<const ModelContract> contract) {
  // A model that only lends its configuration, so that the real one is as it was until it changes.
  auto model = std::make_shared<Model>(endpoint.model->config);
  model->contract = std::move(contract);
  auto remade = Endpoint::Make(endpoint.subject, std::move(model), endpoint.rules.fixed_params,
                               config.limits.input_bytes);
  if (remade.ok()) {
    remade->model = endpoint.model;
    remade->stats = endpoint.stats;
  }
  return remade;
}

}  // namespace darkroom
