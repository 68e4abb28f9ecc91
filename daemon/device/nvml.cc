// SPDX-License-Identifier: Apache-2.0

#include "device/nvml.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <tuple>
#include <utility>

namespace darkroom {
namespace {

constexpr const char* kLibrary = "libnvidia-ml.so.1";

// Of NVML's interface as much as is used here, as its reference manual has it. What a function's
// name ends in, _v2 or _v3, says which of a struct's layouts it fills.
using Return = int;
constexpr Return kSuccess = 0;
constexpr Return kInsufficientSize = 7;
constexpr int kTemperatureOfGpu = 0;
constexpr uint64_t kNotAvailable = ~uint64_t{0};

struct PciInfo {  // nvmlPciInfo_t
  char legacy_id[16];
  unsigned int domain;
  unsigned int bus;
  unsigned int device;
  unsigned int device_id;
  unsigned int subsystem_id;
  char id[32];
};
static_assert(sizeof(PciInfo) == 68 && offsetof(PciInfo, id) == 36);

struct Memory {  // nvmlMemory_t
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
static_assert(sizeof(Memory) == 24);

struct Utilization {  // nvmlUtilization_t
  unsigned int gpu;
  unsigned int memory;
};
static_assert(sizeof(Utilization) == 8);

struct ProcessInfo {  // nvmlProcessInfo_t
  unsigned int pid;
  unsigned long long memory;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};
static_assert(sizeof(ProcessInfo) == 24 && offsetof(ProcessInfo, memory) == 8);

// Long enough for every version of a name and of a UUID.
using Text = std::array<char, 128>;

}  // namespace

struct Nvml::Library {
  void* file = nullptr;
  bool started = false;
  Return (*init)() = nullptr;
  Return (*shut_down)() = nullptr;
  const char* (*error_string)(Return) = nullptr;
  Return (*count)(unsigned int*) = nullptr;
  Return (*handle)(unsigned int, void**) = nullptr;
  Return (*name)(void*, char*, unsigned int) = nullptr;
  Return (*uuid)(void*, char*, unsigned int) = nullptr;
  Return (*pci)(void*, PciInfo*) = nullptr;
  Return (*memory)(void*, Memory*) = nullptr;
  Return (*utilization)(void*, Utilization*) = nullptr;
  Return (*temperature)(void*, int, unsigned int*) = nullptr;
  Return (*processes)(void*, unsigned int*, ProcessInfo*) = nullptr;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (started) shut_down();
    if (file != nullptr) ::dlclose(file);
  }

  template <typename Function>
  bool Find(const char* symbol, Function** function) {
    *function = reinterpret_cast<Function*>(::dlsym(file, symbol));
    return *function != nullptr;
  }

  std::string Words(Return code) const {
    const char* words = error_string == nullptr ? nullptr : error_string(code);
    return words == nullptr ? fmt::format("error {}", code) : words;
  }

  Status Open() {
    file = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) {
      const char* words = ::dlerror();
      return Status::NotFound(words == nullptr ? kLibrary : words);
    }
    Find("nvmlErrorString", &error_string);
    // Without these nothing can be told; the others are asked for one by one, since a driver may be
    // older than they are.
    const bool whole =
        Find("nvmlInit_v2", &init) && Find("nvmlShutdown", &shut_down) &&
        Find("nvmlDeviceGetCount_v2", &count) && Find("nvmlDeviceGetHandleByIndex_v2", &handle) &&
        Find("nvmlDeviceGetName", &name) && Find("nvmlDeviceGetUUID", &uuid) &&
        Find("nvmlDeviceGetPciInfo_v3", &pci) && Find("nvmlDeviceGetMemoryInfo", &memory);
    if (!whole) {
      return Status::FailedPrecondition(fmt::format("{} is too old", kLibrary),
                                        "install a newer NVIDIA driver");
    }
    Find("nvmlDeviceGetUtilizationRates", &utilization);
    Find("nvmlDeviceGetTemperature", &temperature);
    Find("nvmlDeviceGetComputeRunningProcesses_v3", &processes);
    if (const Return code = init(); code != kSuccess) {
      return Status::FailedPrecondition(fmt::format("{}: {}", kLibrary, Words(code)),
                                        "nvidia-smi should say the same");
    }
    started = true;
    return Status::Ok();
  }

  // `place` is for sorting: the text's digits are hexadecimal, and its domain may be cut.
  Return Describe(void* device, GpuInfo* gpu, std::tuple<unsigned, unsigned, unsigned>* place) {
    Text text{};
    PciInfo its_pci{};
    Memory its_memory{};
    Return code = name(device, text.data(), text.size() - 1);
    if (code != kSuccess) return code;
    gpu->name = text.data();
    text.fill('\0');
    code = uuid(device, text.data(), text.size() - 1);
    if (code != kSuccess) return code;
    gpu->uuid = text.data();
    code = pci(device, &its_pci);
    if (code != kSuccess) return code;
    its_pci.id[sizeof(its_pci.id) - 1] = '\0';
    gpu->pci = its_pci.id;
    *place = {its_pci.domain, its_pci.bus, its_pci.device};
    // Some GPUs share the host's memory, and have none to tell of.
    if (memory(device, &its_memory) == kSuccess) gpu->memory = its_memory.total;
    return kSuccess;
  }

  std::vector<GpuLoad::Process> Processes(void* device) const {
    if (processes == nullptr) return {};
    std::vector<ProcessInfo> found(64);
    auto its_count = static_cast<unsigned int>(found.size());
    Return code = processes(device, &its_count, found.data());
    if (code == kInsufficientSize) {
      found.resize(its_count + 64);
      its_count = static_cast<unsigned int>(found.size());
      code = processes(device, &its_count, found.data());
    }
    if (code != kSuccess) return {};
    std::vector<GpuLoad::Process> all;
    for (size_t i = 0; i < std::min<size_t>(its_count, found.size()); ++i) {
      GpuLoad::Process one{found[i].pid, std::nullopt};
      if (found[i].memory != kNotAvailable) one.memory = found[i].memory;
      all.push_back(one);
    }
    return all;
  }
};

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}

Nvml::~Nvml() = default;

Result<std::unique_ptr<Nvml>> Nvml::Open() {
  auto library = std::make_unique<Library>();
  if (Status status = library->Open(); !status.ok()) return status;
  std::unique_ptr<Nvml> nvml(new Nvml(std::move(library)));
  if (Status status = nvml->FindGpus(); !status.ok()) return status;
  return nvml;
}

Status Nvml::FindGpus() {
  struct Found {
    std::tuple<unsigned, unsigned, unsigned> place;
    void* handle;
    GpuInfo info;
  };
  unsigned int count = 0;
  if (const Return code = library_->count(&count); code != kSuccess) {
    return Status::FailedPrecondition(fmt::format("{}: {}", kLibrary, library_->Words(code)),
                                      "nvidia-smi should say the same");
  }
  std::vector<Found> found;
  for (unsigned int index = 0; index < count; ++index) {
    Found one{};
    Return code = library_->handle(index, &one.handle);
    if (code == kSuccess) code = library_->Describe(one.handle, &one.info, &one.place);
    if (code == kSuccess) {
      found.push_back(std::move(one));
    } else {
      complaints_.push_back(fmt::format("GPU {} of {}: {}", index, count, library_->Words(code)));
    }
  }
  // They come in this order already as far as is known, but NVML does not promise it.
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.place < b.place; });
  for (Found& one : found) {
    one.info.number = static_cast<uint32_t>(gpus_.size());
    gpus_.push_back(std::move(one.info));
    handles_.push_back(one.handle);
  }
  return Status::Ok();
}

GpuLoad Nvml::Look(uint32_t number) const {
  GpuLoad load;
  if (number >= handles_.size()) return load;
  void* const device = handles_[number];
  Memory memory{};
  Utilization utilization{};
  unsigned int temperature = 0;
  if (library_->memory(device, &memory) == kSuccess) load.memory_used = memory.used;
  if (library_->utilization != nullptr && library_->utilization(device, &utilization) == kSuccess) {
    load.busy_percent = utilization.gpu;
  }
  if (library_->temperature != nullptr &&
      library_->temperature(device, kTemperatureOfGpu, &temperature) == kSuccess) {
    load.temperature_c = temperature;
  }
  load.processes = library_->Processes(device);
  return load;
}

}  // namespace darkroom
