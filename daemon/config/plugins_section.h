// SPDX-License-Identifier: Apache-2.0
//
// The configuration's `plugins:` section: where plugins are found, which are trusted, and what each
// runs in.
//
// A function for load.cc; one thread.

#ifndef DARKROOM_CONFIG_PLUGINS_SECTION_H_
#define DARKROOM_CONFIG_PLUGINS_SECTION_H_

#include <vector>

#include "config/config.h"
#include "config/yaml_reader.h"

namespace darkroom {

// Reads all keys of the section and finishes the reader.
void ReadPluginsSection(YamlReader* reader, PluginsConfig* plugins,
                        std::vector<ConfigIssue>* issues);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_PLUGINS_SECTION_H_
