// SPDX-License-Identifier: Apache-2.0
//
// What a worker must be able to read for a plugin to run in it: its file, the libraries that it and
// libtorch look for, its models' weights, and on a GPU the device nodes. The daemon and `darkroom
// plugins check` ask the same, so that a plugin that passes there runs here.
//
// A function without state; any thread.

#ifndef DARKROOM_WORKER_PLUGIN_ACCESS_H_
#define DARKROOM_WORKER_PLUGIN_ACCESS_H_

#include <filesystem>
#include <string>
#include <vector>

#include "plugin/registry.h"
#include "worker/worker.h"

namespace darkroom {

// Adds to the library folders and the sandbox's rules, and fills in host.torch_lib. `torch_dir` may
// be empty; host.cuda must have been set. Paths are absolute.
void AllowPlugin(const PluginFile& file, const std::filesystem::path& torch_dir,
                 const std::vector<std::string>& weights, WorkerSetUp* set_up);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_PLUGIN_ACCESS_H_
