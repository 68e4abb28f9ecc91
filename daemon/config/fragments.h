// SPDX-License-Identifier: Apache-2.0
//
// The files that a configuration is made of: the one that was named, and what lies in the folder
// conf.d beside it, merged in the order of their names. So a package, a tool or a colleague adds a
// model by a file of its own, and nobody edits another's.
//
// Maps are merged key by key, whatever depth; routes are added to those that are there; every other
// value takes the place of the one before it.
//
// Called at start, on one thread.

#ifndef DARKROOM_CONFIG_FRAGMENTS_H_
#define DARKROOM_CONFIG_FRAGMENTS_H_

#include <filesystem>
#include <vector>

#include "config/yaml_node.h"

namespace darkroom {

struct ConfigFiles {
  YamlNode root;
  std::vector<std::filesystem::path> files;  // in the order that they were merged in
};

// Whatever cannot be read or is no YAML is an issue, of each of the files.
ConfigFiles ReadConfigFiles(const std::filesystem::path& file, std::vector<ConfigIssue>* issues);

// `over` laid over `base`.
YamlNode MergeYaml(const YamlNode& base, const YamlNode& over);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_FRAGMENTS_H_
