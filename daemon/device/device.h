// SPDX-License-Identifier: Apache-2.0
//
// A device is a GPU or the CPU, with the number of lanes that work may run on at once.
//
// Plain values, found out once at start (find_devices.h).

#ifndef DARKROOM_DEVICE_DEVICE_H_
#define DARKROOM_DEVICE_DEVICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model_info.h"
#include "core/status.h"
#include "device/nvml.h"

namespace darkroom {

struct Device {
  std::string id;  // "cpu", "cuda:0", "sim:0"
  DeviceKind kind = DeviceKind::kCpu;
  int32_t index = 0;  // among those of its kind: CUDA's number, or the simulated one's
  uint32_t lanes = 1;
  uint64_t memory = 0;           // bytes that leases may add up to; 0: no limit
  bool simulated = false;        // the CPU, standing in for a GPU of so much memory
  double speed = 1;              // of a simulated one: so many times as fast as the CPU
  std::optional<GpuInfo> gpu{};  // what is known of a CUDA device
  Status error{};                // why it cannot be used; then it has no lanes
};

// Those that a model may run on: of the ids that are `named` for it those that it can use; if none
// is named, CUDA devices if it can use one and there is one, else those that are simulated, else
// CPUs. Those with an error are not there. Points into `devices`.
std::vector<const Device*> DevicesFor(const ModelInfo& info, const std::vector<Device>& devices,
                                      const std::vector<std::string>& named = {});

// Why there is none for it, with what is wrong with those that it could use.
Status NoDeviceFor(const ModelInfo& info, const std::vector<Device>& devices,
                   const std::vector<std::string>& named = {});

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_DEVICE_H_
