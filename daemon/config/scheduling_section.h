// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration's section `scheduling`: whose job a message is, and who goes first.

#ifndef DARKROOM_CONFIG_SCHEDULING_SECTION_H_
#define DARKROOM_CONFIG_SCHEDULING_SECTION_H_

#include "config/config.h"
#include "config/yaml_reader.h"

namespace darkroom {

void ReadSchedulingSection(YamlReader* reader, SchedulingConfig* scheduling);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_SCHEDULING_SECTION_H_
