// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_set_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "config/places.h"
#include "core/json.h"
#include "worker/plugin_access.h"
#include "worker/records.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// As much as a daemon's worker has by its configuration's defaults. Untouched, it costs nothing.
constexpr uint64_t kArena = (uint64_t{512} << 20) + (uint64_t{1} << 30);

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

}  // namespace

Result<host::LaneSpec> TrialLane(const ModelInfo& info, const std::string& device,
                                 std::string* name) {
  host::LaneSpec lane;
  lane.max_batch = std::min(info.batch_max, kMostJobsARun);
  std::string wanted = device;
  if (wanted.empty()) wanted = info.RunsOn(DeviceKind::kCpu) ? "cpu" : "cuda";
  *name = wanted;
  if (wanted == "cpu") return lane;
  lane.device_type = 2;  // DLPack's code
  if (wanted == "cuda") {
    *name = "cuda:0";
    return lane;
  }
  constexpr std::string_view kBefore = "cuda:";
  const char* end = wanted.data() + wanted.size();
  if (wanted.starts_with(kBefore)) {
    const auto [rest, error] = std::from_chars(wanted.data() + kBefore.size(), end, lane.device_id);
    if (error == std::errc() && rest == end && lane.device_id >= 0) return lane;
  }
  return Status::InvalidArgument(fmt::format("--device {}: there is no such device", wanted),
                                 "cpu, cuda or cuda:1");
}

Result<WorkerSetUp> TrialSetUp(const PluginFile& file, const TrialOptions& options, bool cuda) {
  Config config;
  if (!options.torch_dir.empty()) config.torch_dir = AbsolutePath(options.torch_dir);
  const Places places = FindPlaces(config);
  if (std::error_code error; !fs::exists(places.worker_program, error)) {
    return Status::FailedPrecondition(
        fmt::format("cannot try the plugin: there is no darkroom-worker in {}",
                    places.worker_program.parent_path().string()),
        "install darkroom and darkroom-worker together, or read the file alone: --no-run");
  }

  WorkerSetUp set_up;
  set_up.name = file.info.id;
  set_up.program = places.worker_program.string();
  set_up.host.cuda = cuda;
  // What starts a thread is then the plugin.
  set_up.host.codec_threads = 0;
  set_up.arena_bytes = kArena;

  set_up.sandbox.readable.push_back(places.host_library.parent_path().string());
  std::vector<std::string> weights;
  if (!options.weights.empty()) weights.push_back(AbsolutePath(options.weights));
  AllowPlugin(file, places.torch_dir, weights, &set_up);
  return set_up;
}

std::string TrialConfig(const PluginFile& file, const TrialOptions& options) {
  nlohmann::json config = {{"name", file.info.id}, {"options", options.options}};
  if (!options.weights.empty()) config["weights"] = AbsolutePath(options.weights);
  return WriteJson(config);
}

}  // namespace darkroom
