// SPDX-License-Identifier: Apache-2.0
//
// FakeMachine is a machine with GPUs, as fake_nvml.cc tells of them, for as long as it lives.
//
// One at a time; one thread.

#ifndef DARKROOM_TESTS_DEVICE_FAKE_MACHINE_H_
#define DARKROOM_TESTS_DEVICE_FAKE_MACHINE_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "device/nvml.h"

namespace darkroom {

inline constexpr uint64_t kGiB = uint64_t{1} << 30;

class FakeMachine {
 public:
  explicit FakeMachine(const nlohmann::json& gpus) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "darkroom-gpus-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    Become({{"gpus", gpus}});
    setenv("DARKROOM_FAKE_NVML", (folder_ / "machine.json").c_str(), 1);
  }
  ~FakeMachine() {
    unsetenv("DARKROOM_FAKE_NVML");
    std::filesystem::remove_all(folder_);
  }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;

  // At once, for whoever reads it meanwhile.
  void Become(const nlohmann::json& machine) {
    std::ofstream(folder_ / "next.json") << machine.dump();
    std::filesystem::rename(folder_ / "next.json", folder_ / "machine.json");
  }

 private:
  std::filesystem::path folder_;
};

inline nlohmann::json FakeGpu(const std::string& name, uint32_t bus, uint64_t memory) {
  return {{"name", name}, {"bus", bus}, {"uuid", "GPU-" + std::to_string(bus)}, {"memory", memory}};
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_FAKE_MACHINE_H_
