// SPDX-License-Identifier: Apache-2.0

#include "worker/plugin_access.h"

#include <cstdlib>
#include <sstream>
#include <system_error>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// Weights that are not there yet may be there when the model is loaded.
std::string ReadableFor(const fs::path& weights) {
  std::error_code error;
  return (fs::exists(weights, error) ? weights : weights.parent_path()).string();
}

// Where whoever started this process lets libraries be found: plugins find theirs there, too.
std::vector<std::string> FoldersOfEnvironment() {
  std::vector<std::string> folders;
  const char* list = std::getenv("LD_LIBRARY_PATH");
  std::istringstream text(list == nullptr ? "" : list);
  for (std::string folder; std::getline(text, folder, ':');) {
    if (fs::path(folder).is_absolute()) folders.push_back(folder);
  }
  return folders;
}

// What CUDA's libraries open: /dev/nvidia0, /dev/nvidiactl, ...
std::vector<std::string> CudaNodes() {
  std::vector<std::string> nodes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/dev", error)) {
    if (entry.path().filename().string().rfind("nvidia", 0) == 0) nodes.push_back(entry.path());
  }
  return nodes;
}

void Append(const std::vector<std::string>& more, std::vector<std::string>* list) {
  list->insert(list->end(), more.begin(), more.end());
}

}  // namespace

void AllowPlugin(const PluginFile& file, const fs::path& torch_dir,
                 const std::vector<std::string>& weights, WorkerSetUp* set_up) {
  std::vector<std::string>& readable = set_up->sandbox.readable;
  Append(file.report.run_path, &set_up->library_folders);
  if (!torch_dir.empty()) {
    set_up->host.torch_lib = (torch_dir / "lib").string();
    set_up->library_folders.push_back(set_up->host.torch_lib);
    // CUDA's own packages lie beside libtorch's, and it looks for them there.
    std::error_code error;
    const fs::path real_lib = fs::canonical(torch_dir / "lib", error);
    readable.push_back(torch_dir.string());
    readable.push_back((torch_dir.parent_path() / "nvidia").string());
    if (!error) readable.push_back((real_lib.parent_path().parent_path() / "nvidia").string());
  }
  Append(FoldersOfEnvironment(), &set_up->library_folders);
  Append(set_up->library_folders, &readable);
  readable.push_back(fs::path(file.path).parent_path().string());
  for (const std::string& one : weights) readable.push_back(ReadableFor(one));
  set_up->sandbox.memory_files = file.info.brings_code;
  if (set_up->host.cuda) {
    set_up->sandbox.writable = CudaNodes();
    set_up->sandbox.local_sockets = true;
  }
}

}  // namespace darkroom
