// SPDX-License-Identifier: Apache-2.0

#include "config/places.h"

#include <initializer_list>
#include <system_error>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// What no package has: as darkroom-setup puts it there, or pip does.
constexpr const char* kInstalledTorch = "/opt/darkroom/libtorch/torch";
constexpr const char* kTorchByHand = "/opt/darkroom/torch";

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

fs::path FirstExisting(std::initializer_list<fs::path> candidates) {
  for (const fs::path& path : candidates) {
    if (Exists(path)) return path.lexically_normal();
  }
  return candidates.begin()->lexically_normal();
}

fs::path ThisFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

fs::path FindTorch() {
#ifdef DARKROOM_BUILD_TORCH_DIR
  if (Exists(DARKROOM_BUILD_TORCH_DIR)) return DARKROOM_BUILD_TORCH_DIR;
#endif
  for (const char* const path : {kInstalledTorch, kTorchByHand}) {
    if (Exists(path)) return path;
  }
  return {};
}

}  // namespace

Places FindPlaces(const Config& config) {
  const fs::path here = ThisFolder();
  const auto found = [](const fs::path& given, std::initializer_list<fs::path> candidates) {
    return given.empty() ? FirstExisting(candidates) : given;
  };
  Places places;
  places.plugin_folder =
      found(config.plugins.folder, {here / "../plugins", here / "../lib/darkroom/plugins"});
  places.host_library = found(config.host_library, {here / "../lib/libdarkroom-host.so",
                                                    here / "../lib/darkroom/libdarkroom-host.so"});
  places.worker_program =
      found(config.worker_program,
            {here / "darkroom-worker", here / "../libexec/darkroom/darkroom-worker"});
  places.torch_dir = config.torch_dir.empty() ? FindTorch() : config.torch_dir;
  return places;
}

std::string FindServer(const std::string& name) {
  const fs::path own = (ThisFolder() / "../libexec/darkroom" / name).lexically_normal();
  return name.find('/') == std::string::npos && Exists(own) ? own.string() : name;
}

}  // namespace darkroom
