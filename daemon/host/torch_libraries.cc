// SPDX-License-Identifier: Apache-2.0

#include "host/torch_libraries.h"

#include <dlfcn.h>

#include <utility>

#include "host/cuda_libraries.h"

namespace darkroom::host {
namespace {

// "" or dlerror's words.
std::string OpenForGood(const std::string& path) {
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return {};
  const char* words = ::dlerror();
  return words == nullptr ? "cannot open " + path : words;
}

}  // namespace

TorchLibraries::TorchLibraries(std::string folder, bool cuda)
    : folder_(std::move(folder)), cuda_(cuda) {
  if (!cuda_) {
    cuda_trouble_ = Status::FailedPrecondition("this process was started for the CPU");
  } else if (folder_.empty()) {
    cuda_trouble_ =
        Status::FailedPrecondition("nobody said where libtorch is", "name its folder in torch_dir");
  }
}

void TorchLibraries::Prepare(const ModelInfo& info) {
  if (opened_ || info.torch.empty() || folder_.empty()) return;
  opened_ = true;
  // Even if this plugin runs on the CPU only: the next may not, and by then libtorch has made up
  // its mind.
  if (cuda_) cuda_trouble_ = OpenCudaLibraries(folder_, info.torch);
  trouble_ = OpenForGood(folder_ + "/libtorch_cpu.so");
}

}  // namespace darkroom::host
