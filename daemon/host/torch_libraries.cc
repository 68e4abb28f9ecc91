// SPDX-License-Identifier: Apache-2.0

#include "host/torch_libraries.h"

#include <dlfcn.h>

#include <utility>

namespace darkroom::host {
namespace {

// "" or dlerror's words.
std::string OpenForGood(const std::string& path, int mode) {
  if (::dlopen(path.c_str(), RTLD_NOW | mode) != nullptr) return {};
  const char* words = ::dlerror();
  return words == nullptr ? "cannot open " + path : words;
}

}  // namespace

TorchLibraries::TorchLibraries(std::string folder, bool cuda)
    : folder_(std::move(folder)), cuda_(cuda) {
  if (!cuda_) {
    cuda_trouble_ = "no CUDA device is configured";
  } else if (folder_.empty()) {
    cuda_trouble_ = "the folder of libtorch is not configured";
  }
}

void TorchLibraries::Prepare(const ModelInfo& info) {
  if (opened_ || info.torch.empty() || folder_.empty()) return;
  opened_ = true;
  // Even if this plugin runs on the CPU only: the next may not, and by then libtorch has made up
  // its mind. Global, because libtorch_cpu finds the other half by symbols that it looks up in the
  // whole process.
  if (cuda_) cuda_trouble_ = OpenForGood(folder_ + "/libtorch_cuda.so", RTLD_GLOBAL);
  trouble_ = OpenForGood(folder_ + "/libtorch_cpu.so", RTLD_LOCAL);
}

}  // namespace darkroom::host
