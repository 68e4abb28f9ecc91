// SPDX-License-Identifier: Apache-2.0
//
// Places says where the parts of darkroom lie that are files of their own: as configured, else
// beside the program that asks, in a build tree or as installed. The command asks the same way as
// the daemon does.
//
// Plain values.

#ifndef DARKROOM_CONFIG_PLACES_H_
#define DARKROOM_CONFIG_PLACES_H_

#include <filesystem>
#include <string>

#include "config/config.h"

namespace darkroom {

struct Places {
  std::filesystem::path plugin_folder;
  std::filesystem::path host_library;
  std::filesystem::path worker_program;
  std::filesystem::path torch_dir;  // empty: not found

  std::string torch_lib() const { return torch_dir.empty() ? "" : (torch_dir / "lib").string(); }
};

// Where there is none, a path says where it was looked for first.
Places FindPlaces(const Config& config);

// A server's program by its name: that which darkroom's package brings, which is newer than the
// distribution's, else the name itself, for $PATH.
std::string FindServer(const std::string& name);

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_PLACES_H_
