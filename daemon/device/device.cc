// SPDX-License-Identifier: Apache-2.0

#include "device/device.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

namespace darkroom {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";
constexpr std::string_view kSimPrefix = "sim:";

// How many GPUs there are: the driver makes one node for each, /dev/nvidia0 and on. CUDA numbers
// those that it sees from 0, whatever their nodes are called, and the daemon links nothing of CUDA
// that it could ask.
int32_t CountCudaDevices() {
  int32_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view kNode = "nvidia";
    if (name.rfind(kNode, 0) != 0 || name.size() == kNode.size()) continue;
    const bool digits = std::all_of(name.begin() + kNode.size(), name.end(),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (digits) ++count;
  }
  return count;
}

}  // namespace

std::vector<Device> FindDevices(const std::vector<DeviceConfig>& configured) {
  std::vector<Device> devices;
  for (const DeviceConfig& one : configured) {
    Device device{one.device, DeviceKind::kCpu, 0, one.lanes, one.memory};
    device.simulated = one.device.rfind(kSimPrefix, 0) == 0;
    if (one.device.rfind(kCudaPrefix, 0) == 0) {
      device.kind = DeviceKind::kCuda;
      std::from_chars(one.device.data() + kCudaPrefix.size(), one.device.data() + one.device.size(),
                      device.index);
    }
    devices.push_back(std::move(device));
  }
  if (!devices.empty()) return devices;
  const int32_t cuda_devices = CountCudaDevices();
  for (int32_t index = 0; index < cuda_devices; ++index) {
    devices.push_back(
        {std::string(kCudaPrefix) + std::to_string(index), DeviceKind::kCuda, index, 1});
  }
  devices.push_back({"cpu", DeviceKind::kCpu, 0, 1});
  return devices;
}

std::vector<const Device*> DevicesFor(const ModelInfo& info, const std::vector<Device>& devices) {
  std::vector<const Device*> fit;
  const auto take = [&](DeviceKind kind, bool simulated) {
    if (!fit.empty() || !info.RunsOn(kind)) return;
    for (const Device& device : devices) {
      if (device.kind == kind && device.simulated == simulated) fit.push_back(&device);
    }
  };
  take(DeviceKind::kCuda, false);
  take(DeviceKind::kCpu, true);
  take(DeviceKind::kCpu, false);
  return fit;
}

}  // namespace darkroom
