// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration's section `tracing`: where traces of jobs are sent, and how many.

#ifndef DARKROOM_CONFIG_TRACING_SECTION_H_
#define DARKROOM_CONFIG_TRACING_SECTION_H_

#include "config/config.h"
#include "config/yaml_reader.h"

namespace darkroom {

void ReadTracingSection(YamlReader* reader, TracingConfig* tracing);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_TRACING_SECTION_H_
