// SPDX-License-Identifier: Apache-2.0
//
// The configuration's `devices:` list: which devices models may run on, how much of their memory
// they may have, and how fast a simulated one is. Whether this machine has them is found out by
// device/.
//
// A function for load.cc; one thread.

#ifndef DARKROOM_CONFIG_DEVICES_SECTION_H_
#define DARKROOM_CONFIG_DEVICES_SECTION_H_

#include <vector>

#include "config/config.h"
#include "config/yaml_reader.h"

namespace darkroom {

// `node` is the list, or `auto`, which leaves `devices` empty. What is wrong with the whole of it
// `parent` is told.
void ReadDevicesSection(const YamlNode& node, YamlReader* parent,
                        std::vector<DeviceConfig>* devices, std::vector<ConfigIssue>* issues);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_DEVICES_SECTION_H_
