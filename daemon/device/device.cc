// SPDX-License-Identifier: Apache-2.0

#include "device/device.h"

#include <fmt/format.h>

#include <algorithm>

namespace darkroom {

std::vector<const Device*> DevicesFor(const ModelInfo& info, const std::vector<Device>& devices) {
  std::vector<const Device*> fit;
  const auto take = [&](DeviceKind kind, bool simulated) {
    if (!fit.empty() || !info.RunsOn(kind)) return;
    for (const Device& device : devices) {
      if (!device.error.ok()) continue;
      if (device.kind == kind && device.simulated == simulated) fit.push_back(&device);
    }
  };
  take(DeviceKind::kCuda, false);
  take(DeviceKind::kCpu, true);
  take(DeviceKind::kCpu, false);
  return fit;
}

Status NoDeviceFor(const ModelInfo& info, const std::vector<Device>& devices) {
  std::string message = fmt::format("plugin '{}' runs on none of the devices here", info.id);
  const auto broken = std::find_if(devices.begin(), devices.end(), [&](const Device& device) {
    return !device.error.ok() && info.RunsOn(device.kind);
  });
  if (broken == devices.end()) {
    return Status::FailedPrecondition(std::move(message),
                                      "list a device that it can use under devices");
  }
  return {broken->error.code(), fmt::format("{}: {}", message, broken->error.message()),
          broken->error.hint()};
}

}  // namespace darkroom
