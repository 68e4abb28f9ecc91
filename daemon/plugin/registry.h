// SPDX-License-Identifier: Apache-2.0
//
// The registry knows the plugin files: it finds them by id in the plugin folder or by path, reads
// what they say of themselves and remembers it. Opening them is the host's business.
//
// PluginRegistry is used on the daemon's control thread only. A PluginFile is shared between the
// registry and whoever serves models from it, and never changes.

#ifndef DARKROOM_PLUGIN_REGISTRY_H_
#define DARKROOM_PLUGIN_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model_info.h"
#include "core/status.h"
#include "plugin/preflight.h"

namespace darkroom {

// One plugin's file as it was when it was read.
struct PluginFile {
  std::string path;    // absolute
  std::string source;  // what it is a copy of; else the same
  ModelInfo info;
  std::string manifest_json;
  std::string sha256;  // of the file, 64 hex digits
  PreflightReport report;
};

// Reads a file's manifest, preflight report and digest. A file that preflight refuses is an error.
// `source` is what it is a copy of, if it is one: its $ORIGIN.
Result<PluginFile> ReadPluginFile(const std::string& path,
                                  const std::vector<std::string>& library_folders = {},
                                  const std::string& source = {});

// The ids of the files in a plugin folder.
std::vector<std::string> PluginIdsIn(const std::string& folder);

// Why there is no plugin of that id there, with the nearest one that there is.
Status NoPluginIn(const std::string& folder, const std::string& id);

class PluginRegistry {
 public:
  // `folder` holds the plugins as ID.so; `library_folders` as for ReadPluginFile.
  explicit PluginRegistry(std::string folder, std::vector<std::string> library_folders = {});

  // The plugin named by an id, or by a path to its file if the text contains a slash. Read on the
  // first call, and remembered. A file found by its id must have that id in its manifest.
  Result<std::shared_ptr<const PluginFile>> Find(const std::string& id_or_path);

  // Those found so far, by id.
  std::vector<std::shared_ptr<const PluginFile>> Known() const;

 private:
  std::string folder_;
  std::vector<std::string> library_folders_;
  std::map<std::string, std::shared_ptr<const PluginFile>> known_;  // by what was asked for
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_REGISTRY_H_
