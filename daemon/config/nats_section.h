// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration's section `nats`: where the server is, how we log in there, or how our
// own is run.

#ifndef DARKROOM_CONFIG_NATS_SECTION_H_
#define DARKROOM_CONFIG_NATS_SECTION_H_

#include <vector>

#include "config/config.h"
#include "config/yaml_reader.h"

namespace darkroom {

// Whether the files that it names are there is not looked at: a check of the configuration need not
// be able to read them.
void ReadNatsSection(YamlReader* reader, const YamlNode& section, NatsConfig* nats,
                     std::vector<ConfigIssue>* issues);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_NATS_SECTION_H_
