// SPDX-License-Identifier: Apache-2.0
//
// A change to plugins that daemons are asked for (load, upgrade, rollback, unload, reload): the
// request's body from what was typed, and in words what a daemon did.
//
// Pure functions, save that ChangeBody looks whether a file exists. Any thread.

#ifndef DARKROOM_CLI_PLUGIN_CHANGE_H_
#define DARKROOM_CLI_PLUGIN_CHANGE_H_

#include <nlohmann/json.hpp>
#include <string>

namespace darkroom {

struct ChangeArguments {
  std::string verb;    // load, upgrade, rollback, unload, reload
  std::string plugin;  // an id; of load, a file or an id
  std::string file;    // of upgrade: the file to take, or empty
  std::string host;    // the one daemon that is meant, or empty
  std::string timeout = "5m";
};

// {"plugin": ID}, {"file": PATH} or both, and {"host": NAME} where one is meant. What has a slash
// or exists as a file is a file, and made absolute: a daemon works elsewhere than its requesters.
nlohmann::json ChangeBody(const ChangeArguments& arguments);

// "gpu-7: echo 1.0.0 -> 1.1.0, generation 4 (overlap, 123 ms)", and a line for each note.
std::string ChangeText(const nlohmann::json& answer);

}  // namespace darkroom

#endif  // DARKROOM_CLI_PLUGIN_CHANGE_H_
