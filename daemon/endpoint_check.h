// SPDX-License-Identifier: Apache-2.0
//
// Holds the params of a configuration's models and routes against what their plugins take, for
// --check and before a reload: what is wrong is told with its place in the files.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_ENDPOINT_CHECK_H_
#define DARKROOM_ENDPOINT_CHECK_H_

#include <memory>
#include <vector>

#include "config/load.h"
#include "queue/model.h"

namespace darkroom {

// Of each model and route by itself, so that one that is wrong does not hide the next. `config` is
// what is to hold, and has the models and routes of `loaded`, which knows where they stand;
// `models` are the configuration's.
std::vector<ConfigIssue> CheckEndpoints(const LoadedConfig& loaded, const Config& config,
                                        const std::vector<std::shared_ptr<Model>>& models);

}  // namespace darkroom

#endif  // DARKROOM_ENDPOINT_CHECK_H_
