// SPDX-License-Identifier: Apache-2.0

#include "device/device.h"

#include <fmt/format.h>

#include <algorithm>

namespace darkroom {

namespace {

bool IsOf(const std::vector<std::string>& named, const Device& device) {
  return std::find(named.begin(), named.end(), device.id) != named.end();
}

}  // namespace

std::vector<const Device*> DevicesFor(const ModelInfo& info, const std::vector<Device>& devices,
                                      const std::vector<std::string>& named) {
  std::vector<const Device*> fit;
  if (!named.empty()) {
    for (const Device& device : devices) {
      if (device.error.ok() && info.RunsOn(device.kind) && IsOf(named, device)) {
        fit.push_back(&device);
      }
    }
    return fit;
  }
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

Status NoDeviceFor(const ModelInfo& info, const std::vector<Device>& devices,
                   const std::vector<std::string>& named) {
  std::string message = fmt::format("plugin '{}' runs on none of the devices here", info.id);
  if (!named.empty()) {
    message += fmt::format(" that the model may be on ({})", fmt::join(named, ", "));
  }
  const auto broken = std::find_if(devices.begin(), devices.end(), [&](const Device& device) {
    return !device.error.ok() && info.RunsOn(device.kind) && (named.empty() || IsOf(named, device));
  });
  if (broken == devices.end()) {
    return Status::FailedPrecondition(
        std::move(message), named.empty() ? "list a device that it can use under devices"
                                          : "change the model's `devices`; darkroom ps lists those "
                                            "of this host");
  }
  return {broken->error.code(), fmt::format("{}: {}", message, broken->error.message()),
          broken->error.hint()};
}

}  // namespace darkroom
