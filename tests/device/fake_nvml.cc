// SPDX-License-Identifier: Apache-2.0
//
// A libnvidia-ml.so.1 for machines without NVIDIA's: its GPUs are what the JSON file says that
// DARKROOM_FAKE_NVML names, as it is at each call:
//
//   {"init": 0, "gpus": [{"name": "NVIDIA H200", "bus": 59, "uuid": "GPU-1", "memory": 1000,
//   "used":
//    10, "busy": 50, "temperature": 40, "processes": [[pid, bytes]], "error": 0}]}
//
// `init` and `error` are NVML's error codes, of nvmlInit_v2 and of whatever is asked about that
// GPU. What a GPU does not have is not supported. Handles are places in the list, counted from 1.
// The functions and structs are written down here once more, so that the daemon's are held against
// others than themselves.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#define NVML_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using nlohmann::json;

enum : int {
  kSuccess = 0,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNotFound = 6,
  kTooSmall = 7,
  kDriverNotLoaded = 9,
  kGpuIsLost = 15,
};

json Machine() {
  const char* path = std::getenv("DARKROOM_FAKE_NVML");
  json machine = json::object();
  if (path != nullptr) {
    std::ifstream file(path);
    machine = json::parse(file, nullptr, false);
  }
  // Whoever writes it anew may be in the middle of that.
  if (!machine.is_object()) machine = json::object();
  if (!machine.contains("gpus")) machine["gpus"] = json::array();
  return machine;
}

// Calls `answer` with the GPU, if it is one that speaks.
template <typename Answer>
int About(void* device, const char* key, Answer answer) {
  const json gpus = Machine()["gpus"];
  const auto place = reinterpret_cast<uintptr_t>(device);
  if (place == 0 || place > gpus.size()) return kInvalidArgument;
  const json& gpu = gpus[place - 1];
  if (const int error = gpu.value("error", 0); error != 0) return error;
  if (!gpu.contains(key)) return kNotSupported;
  return answer(gpu[key], gpu);
}

int Text(void* device, const char* key, char* text, unsigned int length) {
  return About(device, key, [&](const json& value, const json&) -> int {
    const auto words = value.get<std::string>();
    if (words.size() + 1 > length) return kTooSmall;
    std::memcpy(text, words.c_str(), words.size() + 1);
    return kSuccess;
  });
}

struct Pci {
  char bus_id_legacy[16];
  unsigned int domain, bus, device, pci_device_id, pci_sub_system_id;
  char bus_id[32];
};
struct Memory {
  unsigned long long total, free, used;
};
struct Rates {
  unsigned int gpu, memory;
};
struct Process {
  unsigned int pid;
  unsigned long long used;
  unsigned int gpu_instance, compute_instance;
};

}  // namespace

NVML_EXPORT int nvmlInit_v2() { return Machine().value("init", 0); }
NVML_EXPORT int nvmlShutdown() { return kSuccess; }

NVML_EXPORT const char* nvmlErrorString(int code) {
  return code == kDriverNotLoaded ? "Driver Not Loaded"
         : code == kGpuIsLost     ? "GPU is lost"
                                  : "Unknown Error";
}

NVML_EXPORT int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = static_cast<unsigned int>(Machine()["gpus"].size());
  return kSuccess;
}

NVML_EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  if (index >= Machine()["gpus"].size()) return kNotFound;
  *device = reinterpret_cast<void*>(static_cast<uintptr_t>(index) + 1);
  return kSuccess;
}

NVML_EXPORT int nvmlDeviceGetName(void* device, char* name, unsigned int length) {
  return Text(device, "name", name, length);
}

NVML_EXPORT int nvmlDeviceGetUUID(void* device, char* uuid, unsigned int length) {
  return Text(device, "uuid", uuid, length);
}

NVML_EXPORT int nvmlDeviceGetPciInfo_v3(void* device, Pci* pci) {
  return About(device, "bus", [&](const json& bus, const json& gpu) {
    *pci = {};
    pci->domain = gpu.value("domain", 0U);
    pci->bus = bus;
    std::snprintf(pci->bus_id_legacy, sizeof(pci->bus_id_legacy), "%04X:%02X:00.0",
                  pci->domain & 0xFFFF, pci->bus & 0xFF);
    std::snprintf(pci->bus_id, sizeof(pci->bus_id), "%08X:%02X:00.0", pci->domain, pci->bus);
    pci->pci_device_id = 0x233510DE;
    return kSuccess;
  });
}

NVML_EXPORT int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  return About(device, "memory", [&](const json& total, const json& gpu) {
    const auto used = gpu.value("used", uint64_t{0});
    *memory = {total, total.get<uint64_t>() - used, used};
    return kSuccess;
  });
}

NVML_EXPORT int nvmlDeviceGetUtilizationRates(void* device, Rates* rates) {
  return About(device, "busy", [&](const json& busy, const json&) {
    *rates = {busy, 1};
    return kSuccess;
  });
}

NVML_EXPORT int nvmlDeviceGetTemperature(void* device, int sensor, unsigned int* temperature) {
  if (sensor != 0) return kInvalidArgument;
  return About(device, "temperature", [&](const json& value, const json&) {
    *temperature = value;
    return kSuccess;
  });
}

NVML_EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned int* count,
                                                        Process* processes) {
  return About(device, "processes", [&](const json& all, const json&) -> int {
    const unsigned int room = *count;
    *count = static_cast<unsigned int>(all.size());
    if (all.size() > room) return kTooSmall;
    for (size_t i = 0; i < all.size(); ++i) {
      // -1: not available, which NVML writes with all bits set.
      processes[i] = {all[i][0], static_cast<unsigned long long>(all[i][1].get<int64_t>()), ~0U,
                      ~0U};
    }
    return kSuccess;
  });
}
