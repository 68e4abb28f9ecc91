// SPDX-License-Identifier: Apache-2.0

#include "plugin_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "worker/event_relay.h"
#include "worker/in_process_host.h"
#include "worker/plugin_access.h"
#include "worker/worker_host.h"

namespace darkroom {
namespace {

// Outputs have at least so much of the arena beside the inputs. Untouched, it costs nothing.
constexpr uint64_t kLeastOutputs = uint64_t{1} << 30;

// Of a worker; more would take the cores from the models on the CPU.
constexpr uint32_t kMostCodecThreads = 4;

}  // namespace

PluginHosts::PluginHosts(boost::asio::io_context& io, const Config& config, const Places& places,
                         const std::vector<Device>& devices, Logger& log)
    : io_(io), config_(config), places_(places), devices_(devices), log_(log) {}

host::HostOptions PluginHosts::HostOptionsFor(bool cuda) const {
  host::HostOptions options;
  options.max_pixels = config_.limits.pixels;
  options.max_input_bytes = config_.limits.input_bytes;
  options.codec_threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMostCodecThreads);
  options.torch_lib = places_.torch_lib();
  options.cuda = cuda;
  return options;
}

bool PluginHosts::AnyCuda() const {
  return std::any_of(devices_.begin(), devices_.end(), [](const Device& device) {
    return device.kind == DeviceKind::kCuda && device.error.ok();
  });
}

WorkerSetUp PluginHosts::SetUpFor(const PluginFile& file, const std::string& name, bool cuda,
                                  const std::vector<std::string>& weights) const {
  const PluginRules& rules = config_.plugins.RulesOf(file.info.id);
  WorkerSetUp set_up;
  set_up.name = name;
  set_up.program = places_.worker_program.string();
  set_up.host = HostOptionsFor(cuda);
  set_up.arena_bytes =
      config_.limits.queued_bytes + std::max(config_.limits.queued_bytes, kLeastOutputs);
  set_up.tail = std::make_shared<LogTail>();
  set_up.silence = config_.limits.silence;
  set_up.open_limit = config_.limits.open;
  set_up.load_limit = config_.limits.load;

  set_up.sandbox.readable = rules.files;
  set_up.sandbox.readable.push_back(places_.host_library.parent_path().string());
  set_up.sandbox.memory = rules.memory;
  AllowPlugin(file, places_.torch_dir, weights, &set_up);
  return set_up;
}

std::shared_ptr<PluginHost> PluginHosts::For(const PluginFile& file, uint32_t generation,
                                             const Device& device,
                                             const std::vector<std::string>& weights) {
  const PluginRules& rules = config_.plugins.RulesOf(file.info.id);
  if (rules.isolation == Isolation::kInProcess) {
    if (in_process_ == nullptr) {
      // One for all devices.
      host::HostOptions options = HostOptionsFor(AnyCuda());
      options.log = [&log = log_](host::LogLevel level, std::string_view words) {
        log.log(SpdlogLevel(level), "{}", words);
      };
      in_process_ = std::make_shared<InProcessHost>(io_, places_.host_library.string(),
                                                    std::move(options), log_);
    }
    return in_process_;
  }
  const bool cuda = device.kind == DeviceKind::kCuda;
  if (rules.worker.empty()) {
    const std::string name =
        fmt::format("{} {} #{} on {}", file.info.id, file.info.version, generation, device.id);
    return std::make_shared<WorkerHost>(io_, SetUpFor(file, name, cuda, weights), log_);
  }
  Shared& shared = shared_[rules.worker + " " + device.id];
  // What a worker may read is settled when it starts: one with weights that came later is another.
  const bool fits = std::all_of(weights.begin(), weights.end(), [&](const std::string& one) {
    return shared.weights.count(one) > 0;
  });
  if (shared.host == nullptr || !fits) {
    for (const ModelConfig& one : config_.models) {
      if (!one.weights.empty()) shared.weights.insert(one.weights);
    }
    shared.weights.insert(weights.begin(), weights.end());
    const std::vector<std::string> all(shared.weights.begin(), shared.weights.end());
    shared.host = std::make_shared<WorkerHost>(
        io_, SetUpFor(file, fmt::format("{} on {}", rules.worker, device.id), cuda, all), log_);
  }
  return shared.host;
}

bool PluginHosts::IsAlone(const PluginFile& file) const {
  const PluginRules& rules = config_.plugins.RulesOf(file.info.id);
  return rules.isolation == Isolation::kProcess && rules.worker.empty();
}

std::unique_ptr<PluginHost> PluginHosts::ForProbe(const PluginFile& file) {
  return std::make_unique<WorkerHost>(io_, SetUpFor(file, file.info.id + " probe", AnyCuda(), {}),
                                      log_);
}

}  // namespace darkroom
