// SPDX-License-Identifier: Apache-2.0
//
// FindDevices makes the devices of a daemon of what its configuration lists and what this machine
// has. A listed device that is not there, or of whose memory a part is asked for that nobody knows,
// is no reason to do without the others: it is there with an error and without lanes, so that
// whoever needs it is told.
//
// Called once at start, before there is anything else to do: asking the driver can take a second.

#ifndef DARKROOM_DEVICE_FIND_DEVICES_H_
#define DARKROOM_DEVICE_FIND_DEVICES_H_

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "device/device.h"
#include "device/gpu_survey.h"
#include "device/nvml.h"

namespace darkroom {

struct FoundDevices {
  std::vector<Device> devices;
  std::vector<std::string> notes;  // what whoever runs the daemon should know, beside its errors
  std::unique_ptr<Nvml> nvml;      // nullptr: no device is known to it
};

// With none configured, every CUDA device that is visible, and the CPU for what cannot use one.
FoundDevices FindDevices(const std::vector<DeviceConfig>& configured);

// The same of a machine that was looked at already, with so many bytes of memory.
FoundDevices FindDevices(const std::vector<DeviceConfig>& configured, GpuSurvey survey,
                         uint64_t host_memory);

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_FIND_DEVICES_H_
