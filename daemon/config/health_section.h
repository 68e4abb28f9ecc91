// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration's section `health`: how devices are probed, and when the daemon gives up.

#ifndef DARKROOM_CONFIG_HEALTH_SECTION_H_
#define DARKROOM_CONFIG_HEALTH_SECTION_H_

#include "config/config.h"
#include "config/yaml_reader.h"

namespace darkroom {

void ReadHealthSection(YamlReader* reader, HealthConfig* health);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_HEALTH_SECTION_H_
