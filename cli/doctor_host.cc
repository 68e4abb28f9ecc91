// SPDX-License-Identifier: Apache-2.0

#include "cli/doctor_host.h"

#include <fmt/format.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "config/places.h"
#include "core/units.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using State = Finding::State;

constexpr const char* kNvidia = "0x10de";
constexpr uint64_t kLeastFree = 256ULL << 20;
constexpr uint64_t kLittleFree = 2ULL << 30;

std::string FirstWord(const fs::path& file) {
  std::ifstream stream(file);
  std::string word;
  stream >> word;
  return word;
}

size_t CountGpus(const fs::path& root) {
  size_t gpus = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "sys/bus/pci/devices", error)) {
    const bool nvidia = FirstWord(entry.path() / "vendor") == kNvidia;
    // Display controllers; audio and USB of the same card are others.
    if (nvidia && FirstWord(entry.path() / "class").starts_with("0x03")) ++gpus;
  }
  return gpus;
}

std::string UserName() { return geteuid() == 0 ? "root" : fmt::format("user {}", geteuid()); }

std::string ErrnoText() { return std::generic_category().message(errno); }

}  // namespace

Finding LookAtDriver(const fs::path& root) {
  const size_t gpus = CountGpus(root);
  const auto failed = [gpus](std::string_view what, std::string hint) {
    return Finding{
        "driver", State::kFailed,
        fmt::format("{} NVIDIA GPU{} on this host, but {}", gpus, gpus == 1 ? "" : "s", what),
        std::move(hint)};
  };
  std::error_code error;
  const bool loaded = fs::exists(root / "proc/driver/nvidia/version", error);
  if (gpus == 0 && !loaded) {
    return {"driver", State::kOk, "no NVIDIA GPU on this host: models run on the CPU", ""};
  }
  if (!loaded) {
    return failed("the driver is not loaded",
                  "install NVIDIA's driver (Debian: nvidia-driver, of non-free), then reboot or "
                  "modprobe nvidia; docs/gpu.md");
  }
  if (!fs::exists(root / "dev/nvidiactl", error)) {
    return failed("there is no /dev/nvidiactl",
                  "nvidia-smi makes it, as does nvidia-persistenced; a container must be given it");
  }
  if (!fs::exists(root / "dev/nvidia-uvm", error)) {
    return failed("there is no /dev/nvidia-uvm, without which CUDA does not start",
                  "modprobe nvidia-uvm, or nvidia-modprobe -u; a container must be given it");
  }
  for (const char* const name : {"dev/nvidiactl", "dev/nvidia-uvm"}) {
    if (access((root / name).c_str(), R_OK | W_OK) != 0) {
      return failed(fmt::format("/{} cannot be opened by {}: {}", name, UserName(), ErrnoText()),
                    "add the daemon's user to the groups video and render");
    }
  }
  return {"driver", State::kOk, fmt::format("NVIDIA's driver is loaded, {} GPUs", gpus), ""};
}

Finding LookAtStateFolder(const fs::path& folder) {
  // The daemon makes what is missing.
  fs::path there = folder;
  std::error_code error;
  while (!there.empty() && !fs::exists(there, error) && there != there.parent_path()) {
    there = there.parent_path();
  }
  if (!fs::is_directory(there, error)) {
    return {"state folder", State::kFailed, fmt::format("{} is no folder", there.string()),
            "state_dir names the daemon's folder"};
  }
  if (access(there.c_str(), W_OK | X_OK) == 0) {
    return {"state folder", State::kOk, folder.string(), ""};
  }
  return {"state folder", State::kFailed,
          fmt::format("{} cannot be written to by {}: {}", there.string(), UserName(), ErrnoText()),
          "run this as the daemon's user; chown it to that user, or let state_dir name another"};
}

Finding JudgeDisk(const std::string& place, uint64_t free, uint64_t total) {
  const std::string words =
      fmt::format("{} of {} are free at {}", FormatSize(free), FormatSize(total), place);
  const std::string hint =
      "make room, or let state_dir name another disk: streams, plugins and logs are there";
  if (free < kLeastFree) return {"disk", State::kFailed, words, hint};
  if (free < kLittleFree) return {"disk", State::kWarning, words, hint};
  return {"disk", State::kOk, words, ""};
}

Finding LookAtDisk(const fs::path& folder) {
  fs::path there = folder;
  std::error_code error;
  while (!fs::exists(there, error) && there != there.parent_path()) there = there.parent_path();
  const fs::space_info space = fs::space(there, error);
  if (error) {
    return {"disk", State::kSkipped,
            fmt::format("{} tells nothing: {}", there.string(), error.message()), ""};
  }
  return JudgeDisk(there.string(), space.available, space.capacity);
}

Finding LookAtClock() {
  timex state{};
  const int status = adjtimex(&state);
  if (status < 0) return {"clock", State::kSkipped, "the kernel does not tell: " + ErrnoText(), ""};
  if (status == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    return {"clock", State::kWarning, "nothing keeps this host's clock right",
            "timedatectl set-ntp true, or install chrony: deadlines and times of jobs are compared "
            "between hosts"};
  }
  return {"clock", State::kOk, "kept right by a time service", ""};
}

Finding JudgeClock(std::chrono::milliseconds ahead) {
  const auto apart = std::chrono::abs(ahead);
  const std::string words = fmt::format("{} {} the NATS server's", FormatDuration(apart),
                                        ahead.count() >= 0 ? "ahead of" : "behind");
  const std::string hint = "set the clock of the host that is wrong: timedatectl, chronyc tracking";
  if (apart > std::chrono::minutes(1)) return {"server clock", State::kFailed, words, hint};
  if (apart > std::chrono::seconds(5)) return {"server clock", State::kWarning, words, hint};
  return {"server clock", State::kOk, words, ""};
}

std::vector<Finding> LookAtModels(const Config& config) {
  std::vector<Finding> findings;
  std::error_code error;
  size_t found = 0;
  for (const ModelConfig& model : config.models) {
    if (model.weights.empty()) continue;
    if (!fs::exists(model.weights, error)) {
      findings.push_back({"weights", State::kFailed,
                          fmt::format("model '{}' has no weights at {}", model.name, model.weights),
                          "darkroom-setup fetches those of the example configuration, darkroom "
                          "models pull those of a hub"});
    } else if (access(model.weights.c_str(), R_OK) != 0) {
      findings.push_back({"weights", State::kFailed,
                          fmt::format("the weights {} of model '{}' cannot be read by {}: {}",
                                      model.weights, model.name, UserName(), ErrnoText()),
                          "the daemon's user must be able to read them"});
    } else {
      ++found;
    }
  }
  if (findings.empty()) {
    findings.push_back(
        {"weights", State::kOk,
         fmt::format("those of {} of {} models are there", found, config.models.size()), ""});
  }
  if (!config.plugins.folder.empty() && !fs::is_directory(config.plugins.folder, error)) {
    findings.push_back({"plugins", State::kFailed,
                        fmt::format("the folder {} is not there", config.plugins.folder.string()),
                        "plugins.folder names where NAME.so lies; without it the one beside the "
                        "daemon is taken"});
  }
  return findings;
}

Finding LookAtTorch(const Config& config) {
  const fs::path folder = FindPlaces(config).torch_dir;
  std::error_code error;
  if (!folder.empty() && fs::exists(folder / "lib/libtorch_cpu.so", error)) {
    return {"libtorch", State::kOk, folder.string(), ""};
  }
  const bool wanted = std::any_of(config.models.begin(), config.models.end(),
                                  [](const ModelConfig& model) { return !model.weights.empty(); });
  return {"libtorch", wanted ? State::kFailed : State::kWarning,
          folder.empty() ? "is not on this host: plugins that compute with it cannot be opened"
                         : fmt::format("there is no lib/libtorch_cpu.so in {}", folder.string()),
          folder.empty() ? "darkroom-setup fetches it, or torch_dir names the folder torch of a "
                           "Python that has 2.11"
                         : "torch_dir must name the folder torch of a Python that has 2.11"};
}

}  // namespace darkroom
