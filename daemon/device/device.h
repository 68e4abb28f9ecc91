// SPDX-License-Identifier: Apache-2.0
//
// A device is a GPU or the CPU, with the number of lanes that work may run on at once.
//
// Plain values, found out once at start.

#ifndef DARKROOM_DEVICE_DEVICE_H_
#define DARKROOM_DEVICE_DEVICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/model_info.h"

namespace darkroom {

struct Device {
  std::string id;  // "cpu", "cuda:0", "sim:0"
  DeviceKind kind = DeviceKind::kCpu;
  int32_t index = 0;
  uint32_t lanes = 1;
  uint64_t memory = 0;     // bytes that leases may add up to; 0: no limit
  bool simulated = false;  // the CPU, standing in for a GPU of so much memory
};

// The configured devices; with none configured, every CUDA device of this machine, and the CPU for
// what cannot use one.
std::vector<Device> FindDevices(const std::vector<DeviceConfig>& configured);

// Those that a model may run on: CUDA devices if it can use one and there is one, else those that
// are simulated, else CPUs. Points into `devices`.
std::vector<const Device*> DevicesFor(const ModelInfo& info, const std::vector<Device>& devices);

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_DEVICE_H_
