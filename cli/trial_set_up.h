// SPDX-License-Identifier: Apache-2.0
//
// How a plugin is to be tried: what was asked for, and from it a worker as the daemon starts one,
// confined as there.
//
// Free functions, any thread.

#ifndef DARKROOM_CLI_TRIAL_SET_UP_H_
#define DARKROOM_CLI_TRIAL_SET_UP_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "core/status.h"
#include "host/host_api.h"
#include "plugin/registry.h"
#include "worker/worker.h"

namespace darkroom {

struct TrialOptions {
  nlohmann::json options = nlohmann::json::object();  // the model's, for `create`
  nlohmann::json params = nlohmann::json::object();   // the jobs', over the schema's defaults
  std::string weights;                                // empty: none
  std::string device;     // "cpu", "cuda", "cuda:1"; empty: the CPU if the plugin runs there
  std::string torch_dir;  // empty: where the daemon looks
  std::chrono::milliseconds step_limit = std::chrono::minutes(2);
};

// The device as a lane has it. `*name` becomes "cpu" or "cuda:0".
Result<host::LaneSpec> TrialLane(const ModelInfo& info, const std::string& device,
                                 std::string* name);

// Fails where this program has no darkroom-worker beside it.
Result<WorkerSetUp> TrialSetUp(const PluginFile& file, const TrialOptions& options, bool cuda);

// `config` for the instance, as the daemon writes it.
std::string TrialConfig(const PluginFile& file, const TrialOptions& options);

}  // namespace darkroom

#endif  // DARKROOM_CLI_TRIAL_SET_UP_H_
