// SPDX-License-Identifier: Apache-2.0

#include "host/cuda_libraries.h"

#include <dlfcn.h>

#include <filesystem>
#include <string_view>

namespace darkroom::host {
namespace {

constexpr const char* kName = "libtorch_cuda.so";

std::string HowToInstall(const std::string& version) {
  return "install libtorch " + version +
         " with its CUDA libraries: scripts/setup --gpu, or pip "
         "install torch==" +
         version + ".* and its folder as torch_dir; docs/gpu.md says more";
}

constexpr const char* kDriverHint =
    "install the NVIDIA driver; a container must be started with the driver's parts compute and "
    "utility";

// The library that dlerror says is not there; empty if its words are others.
std::string_view MissingIn(std::string_view words) {
  constexpr std::string_view kMissing = ": cannot open shared object file";
  const size_t end = words.find(kMissing);
  return end == std::string_view::npos ? std::string_view() : words.substr(0, end);
}

Status Explain(const std::string& words, const std::string& version) {
  const std::string_view missing = MissingIn(words);
  const std::string cannot = std::string(kName) + " cannot be opened: ";
  if (missing.empty()) return Status::FailedPrecondition(cannot + words, HowToInstall(version));
  std::string message = cannot + "it needs " + std::string(missing) + ", which is not there";
  if (missing.starts_with("libcuda.so")) {
    return Status::FailedPrecondition(std::move(message), kDriverHint);
  }
  return Status::FailedPrecondition(
      std::move(message), "it is of a package named nvidia-..., which pip installs beside torch; " +
                              HowToInstall(version));
}

// 13000 is CUDA 13.0.
std::string CudaVersion(int number) {
  return "CUDA " + std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

// Neither question makes a CUDA context. `library` needs the CUDA run time, so that its functions
// are found through it.
Status CheckDriver(void* library) {
  using Ask = int (*)(int*);
  const auto ask = [library](const char* symbol, int* version) {
    auto* const function = reinterpret_cast<Ask>(::dlsym(library, symbol));
    return function != nullptr && function(version) == 0;
  };
  int needed = 0;
  int has = 0;
  if (!ask("cudaRuntimeGetVersion", &needed) || !ask("cudaDriverGetVersion", &has)) {
    return Status::Ok();  // then the first tensor tells
  }
  if (has == 0) {
    return Status::FailedPrecondition("there is no NVIDIA driver that CUDA finds (libcuda.so.1)",
                                      kDriverHint);
  }
  // Within a major version an older driver does.
  if (has / 1000 >= needed / 1000) return Status::Ok();
  return Status::FailedPrecondition("the NVIDIA driver is too old: it is for " + CudaVersion(has) +
                                        ", and this libtorch needs " + CudaVersion(needed),
                                    "install a newer driver; nvidia-smi shows its CUDA version");
}

}  // namespace

Status OpenCudaLibraries(const std::string& folder, const std::string& version) {
  const std::string path = folder + "/" + kName;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return Status::FailedPrecondition(
        std::string(kName) + " is not in " + folder + ": this libtorch is for the CPU alone",
        HowToInstall(version));
  }
  // Global, because libtorch_cpu finds the other half by symbols that it looks up in the whole
  // process.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library != nullptr) return CheckDriver(library);
  const char* words = ::dlerror();
  return Explain(words == nullptr ? path : words, version);
}

}  // namespace darkroom::host
