// SPDX-License-Identifier: Apache-2.0

#include "device/device.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace darkroom {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";

// The driver makes one node a GPU, /dev/nvidia0 and on; the daemon links nothing of CUDA that it
// could ask.
std::vector<int32_t> CudaDevices() {
  std::vector<int32_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    const std::string name = entry.path().filename().string();
    int32_t index = 0;
    constexpr std::string_view kNode = "nvidia";
    if (name.rfind(kNode, 0) != 0 || name.size() == kNode.size()) continue;
    const char* end = name.data() + name.size();
    const auto [rest, code] = std::from_chars(name.data() + kNode.size(), end, index);
    if (code == std::errc() && rest == end) found.push_back(index);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<Device> FindDevices(const std::vector<DeviceConfig>& configured) {
  std::vector<Device> devices;
  for (const DeviceConfig& one : configured) {
    Device device{one.device, DeviceKind::kCpu, 0, one.lanes};
    if (one.device.rfind(kCudaPrefix, 0) == 0) {
      device.kind = DeviceKind::kCuda;
      std::from_chars(one.device.data() + kCudaPrefix.size(), one.device.data() + one.device.size(),
                      device.index);
    }
    devices.push_back(std::move(device));
  }
  if (!devices.empty()) return devices;
  for (const int32_t index : CudaDevices()) {
    devices.push_back(
        {std::string(kCudaPrefix) + std::to_string(index), DeviceKind::kCuda, index, 1});
  }
  devices.push_back({"cpu", DeviceKind::kCpu, 0, 1});
  return devices;
}

std::vector<const Device*> DevicesFor(const ModelInfo& info, const std::vector<Device>& devices) {
  std::vector<const Device*> fit;
  for (const DeviceKind kind : {DeviceKind::kCuda, DeviceKind::kCpu}) {
    if (!info.RunsOn(kind)) continue;
    for (const Device& device : devices) {
      if (device.kind == kind) fit.push_back(&device);
    }
    if (!fit.empty()) break;
  }
  return fit;
}

}  // namespace darkroom
