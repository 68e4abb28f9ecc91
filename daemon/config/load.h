// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration file. All that is wrong with it is told at once, each issue with its
// place, so that mending a file takes one round and not ten.
//
// Called at start, on one thread.

#ifndef DARKROOM_CONFIG_LOAD_H_
#define DARKROOM_CONFIG_LOAD_H_

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace darkroom {

struct ConfigIssue {
  std::filesystem::path file;
  int line = 0;  // from 1; 0: the file as a whole
  int column = 0;
  std::string message;

  // "darkroom.yaml:12:3: unknown key 'modles' (did you mean 'models'?)"
  std::string ToString() const;
};

struct LoadedConfig {
  std::optional<Config> config;  // only without issues
  std::vector<ConfigIssue> issues;
  // The file itself, then the fragments of conf.d beside it that were merged into it.
  std::vector<std::filesystem::path> files;
  // Values with ${NAME} in them as they are written, by JSON pointer: "/nats/url". What they stand
  // for may be a secret.
  std::map<std::string, std::string> references;
  // Where the params of models and routes stand, for what is wrong with them by their plugin:
  // "models.NAME", "models.NAME.params.KEY", "routes.0", "routes.0.params.KEY". Without messages.
  std::map<std::string, ConfigIssue> places;
};

LoadedConfig LoadConfig(const std::filesystem::path& file);

// The issue with the line that it is about and a mark below its column, for people. Passwords in
// the line are not shown.
std::string ShowIssue(const ConfigIssue& issue);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_LOAD_H_
