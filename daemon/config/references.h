// SPDX-License-Identifier: Apache-2.0
//
// ${NAME} in a value of the configuration stands for the environment variable of that name:
// ${NATS_PASSWORD} for a secret that no file has, ${CREDENTIALS_DIRECTORY}/nats.creds for a path
// that systemd chooses. $${ is a plain ${.
//
// Called at start, on one thread: it reads the environment.

#ifndef DARKROOM_CONFIG_REFERENCES_H_
#define DARKROOM_CONFIG_REFERENCES_H_

#include <map>
#include <string>
#include <vector>

#include "config/yaml_node.h"

namespace darkroom {

// The tree with the references of all its values (not of its keys) replaced. What is not set is
// an issue, each time, and stays as it was written.
YamlNode ReplaceReferences(const YamlNode& node, std::vector<ConfigIssue>* issues);

// The values of a tree whose references were replaced as they are written, by JSON pointer.
std::map<std::string, std::string> WrittenReferences(const YamlNode& root);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_REFERENCES_H_
