// SPDX-License-Identifier: Apache-2.0
//
// Makes models and endpoints of the configuration: finds each model's plugin, reads what it says of
// itself and prepares the rules that its requests must keep. A model whose plugin is missing or
// unfit becomes a broken model that says so to whoever asks; what is wrong with the configuration
// itself is an error.
//
// Free functions without state; any thread.

#ifndef DARKROOM_MODEL_SETUP_H_
#define DARKROOM_MODEL_SETUP_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "plugin/registry.h"
#include "queue/admission.h"
#include "queue/model.h"

namespace darkroom {

// What a generation of a plugin promises for a model of this configuration.
Result<std::shared_ptr<const ModelContract>> MakeContract(const PluginFile& file,
                                                          uint32_t generation,
                                                          const ModelConfig& config);

// The file of the plugin that the configuration names so.
using FindPluginFile =
    std::function<Result<std::shared_ptr<const PluginFile>>(const std::string& id_or_path)>;

// The configuration's models with the contracts of these plugin files.
std::vector<std::shared_ptr<Model>> SetUpModels(const Config& config, const FindPluginFile& find);

// The models' own subjects first, then the routes, in the configuration's order. Errors are of the
// params.
Result<std::vector<Endpoint>> SetUpEndpoints(const Config& config,
                                             const std::vector<std::shared_ptr<Model>>& models);

// What is not wrong with the configuration, and yet keeps models from being served.
std::vector<std::string> WarningsOf(const std::vector<std::shared_ptr<Model>>& models);

// The endpoint anew, by the contract that its model has now, or might get.
Result<Endpoint> RemakeEndpoint(const Endpoint& endpoint, const Config& config,
                                std::shared_ptr<const ModelContract> contract);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_SETUP_H_
