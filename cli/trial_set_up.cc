// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_set_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "core/json.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// As much as a daemon's worker has by its configuration's defaults. Untouched, it costs nothing.
constexpr uint64_t kArena = (uint64_t{512} << 20) + (uint64_t{1} << 30);
// Records that name a batch's jobs fit into a packet (daemon/model_setup.cc).
constexpr uint32_t kMostJobsABatch = 1024;

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

fs::path ThisFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

Result<std::string> FindWorker(const fs::path& here) {
  for (const char* place : {"darkroom-worker", "../libexec/darkroom/darkroom-worker"}) {
    const fs::path path = (here / place).lexically_normal();
    if (Exists(path)) return path.string();
  }
  return Status::FailedPrecondition(
      fmt::format("cannot try the plugin: there is no darkroom-worker in {}", here.string()),
      "install darkroom and darkroom-worker together, or read the file alone: --no-run");
}

std::string FindTorch(const std::string& given) {
  if (!given.empty()) return AbsolutePath(given);
#ifdef DARKROOM_BUILD_TORCH_DIR
  if (Exists(DARKROOM_BUILD_TORCH_DIR)) return DARKROOM_BUILD_TORCH_DIR;
#endif
  return {};
}

// What CUDA's libraries open: /dev/nvidia0, /dev/nvidiactl, ...
std::vector<std::string> CudaNodes() {
  std::vector<std::string> nodes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/dev", error)) {
    if (entry.path().filename().string().rfind("nvidia", 0) == 0) nodes.push_back(entry.path());
  }
  return nodes;
}

}  // namespace

Result<host::LaneSpec> TrialLane(const ModelInfo& info, const std::string& device,
                                 std::string* name) {
  host::LaneSpec lane;
  lane.max_batch = std::min(info.batch_max, kMostJobsABatch);
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
  const fs::path here = ThisFolder();
  Result<std::string> worker = FindWorker(here);
  if (!worker.ok()) return worker.status();
  const std::string torch_dir = FindTorch(options.torch_dir);

  WorkerSetUp set_up;
  set_up.name = file.info.id;
  set_up.program = *std::move(worker);
  set_up.host.cuda = cuda;
  set_up.library_folders = file.report.run_path;
  if (!torch_dir.empty()) {
    set_up.host.torch_lib = torch_dir + "/lib";
    set_up.library_folders.push_back(set_up.host.torch_lib);
  }
  set_up.arena_bytes = kArena;

  SandboxRules& sandbox = set_up.sandbox;
  sandbox.readable = set_up.library_folders;
  sandbox.readable.push_back(fs::path(file.path).parent_path().string());
  for (const char* place : {"../lib", "../lib/darkroom"}) {
    sandbox.readable.push_back((here / place).lexically_normal().string());
  }
  if (!torch_dir.empty()) sandbox.readable.push_back(torch_dir);
  if (!options.weights.empty()) {
    const fs::path weights = AbsolutePath(options.weights);
    sandbox.readable.push_back((Exists(weights) ? weights : weights.parent_path()).string());
  }
  if (cuda) {
    sandbox.writable = CudaNodes();
    sandbox.local_sockets = true;
  }
  return set_up;
}

std::string TrialConfig(const PluginFile& file, const TrialOptions& options) {
  nlohmann::json config = {{"name", file.info.id}, {"options", options.options}};
  if (!options.weights.empty()) config["weights"] = AbsolutePath(options.weights);
  return WriteJson(config);
}

}  // namespace darkroom
