// SPDX-License-Identifier: Apache-2.0

#include "model_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

fs::path FirstExisting(const std::vector<fs::path>& candidates) {
  std::error_code error;
  for (const fs::path& path : candidates) {
    if (!path.empty() && fs::exists(path, error)) return path.lexically_normal();
  }
  return candidates.empty() ? fs::path() : candidates.front().lexically_normal();
}

// Fills in what the plugin says of itself; the status says why the plugin cannot be used.
Status Describe(PluginRegistry* registry, ModelSetup* setup) {
  Model& model = *setup->model;
  auto plugin = registry->Find(model.config.plugin);
  if (!plugin.ok()) return plugin.status();
  model.info = (*plugin)->info;
  model.plugin_digest = (*plugin)->sha256;
  auto schema = ParamsSchema::Compile(model.info.params);
  if (!schema.ok()) {
    return schema.status().Annotated(fmt::format("plugin '{}', params", model.info.id));
  }
  model.schema.emplace(std::move(*schema));
  model.max_batch = std::min(model.info.batch_max, model.config.max_batch.value_or(UINT32_MAX));
  setup->plugin = std::move(*plugin);
  return Status::Ok();
}

}  // namespace

Places FindPlaces(const Config& config) {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  Places places;
  places.plugin_folder =
      !config.plugin_folder.empty()
          ? config.plugin_folder
          : FirstExisting({here / "../plugins", here / "../lib/darkroom/plugins"});
  places.host_library = !config.host_library.empty()
                            ? config.host_library
                            : FirstExisting({here / "../lib/libdarkroom-host.so",
                                             here / "../lib/darkroom/libdarkroom-host.so"});
  places.torch_dir = config.torch_dir;
#ifdef DARKROOM_BUILD_TORCH_DIR
  if (places.torch_dir.empty() && fs::exists(DARKROOM_BUILD_TORCH_DIR, error)) {
    places.torch_dir = DARKROOM_BUILD_TORCH_DIR;
  }
#endif
  return places;
}

std::vector<ModelSetup> SetUpModels(const Config& config, PluginRegistry* registry) {
  std::vector<ModelSetup> setups;
  for (const ModelConfig& one : config.models) {
    ModelSetup setup;
    setup.model = std::make_shared<Model>(one);
    const Status status = Describe(registry, &setup);
    if (!status.ok()) {
      setup.model->broken = true;
      setup.model->state = ModelState::kFailed;
      setup.model->error = status;
    }
    setups.push_back(std::move(setup));
  }
  return setups;
}

Result<std::vector<Endpoint>> SetUpEndpoints(const Config& config,
                                             const std::vector<ModelSetup>& models) {
  std::vector<Endpoint> endpoints;
  const auto add = [&](std::string subject, const std::shared_ptr<Model>& model,
                       const nlohmann::json& params) {
    auto endpoint = Endpoint::Make(std::move(subject), model, params, config.limits.input_bytes);
    if (endpoint.ok()) endpoints.push_back(std::move(*endpoint));
    return endpoint.status();
  };
  for (const ModelSetup& setup : models) {
    Status status = add(fmt::format("{}.run.{}", config.nats.prefix, setup.model->config.name),
                        setup.model, nlohmann::json::object());
    if (!status.ok()) return status;
  }
  for (const RouteConfig& route : config.routes) {
    const auto setup = std::find_if(models.begin(), models.end(), [&](const ModelSetup& one) {
      return one.model->config.name == route.model;
    });
    Status status = add(route.subject, setup->model, route.params);
    if (!status.ok()) return status;
  }
  return endpoints;
}

}  // namespace darkroom
