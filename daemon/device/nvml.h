// SPDX-License-Identifier: Apache-2.0
//
// Nvml asks NVIDIA's driver which GPUs there are and how they are, by its library libnvidia-ml.
// That is opened at run time: the daemon links nothing of CUDA, and runs where there is none. NVML
// makes no CUDA context, so that asking takes none of a GPU's memory, and knows nothing of
// CUDA_VISIBLE_DEVICES.
//
// Calls can take tens of milliseconds, and longer where a driver is in trouble. One thread at a
// time.

#ifndef DARKROOM_DEVICE_NVML_H_
#define DARKROOM_DEVICE_NVML_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"

namespace darkroom {

// What a GPU is.
struct GpuInfo {
  uint32_t number = 0;  // among all of this machine, in the order of their PCI ids
  std::string name;     // "NVIDIA H200"
  std::string pci;      // "00000000:3B:00.0"
  std::string uuid;     // "GPU-5a6b..."
  uint64_t memory = 0;  // bytes
};

// How it is at this moment. What it does not tell is absent.
struct GpuLoad {
  // A process that computes on it. In a container its number is that of the host, or 0.
  struct Process {
    uint32_t pid;
    std::optional<uint64_t> memory;  // bytes of the GPU's
  };
  std::optional<uint64_t> memory_used;    // bytes, by all processes of the machine
  std::optional<uint32_t> busy_percent;   // of the last moments, that something ran on it
  std::optional<uint32_t> temperature_c;  // of the chip
  std::vector<Process> processes;
};

class Nvml {
 public:
  // kNotFound: the library is not there. kFailedPrecondition: it is, and does not work.
  static Result<std::unique_ptr<Nvml>> Open();
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  // In the order of their PCI ids, which CUDA counts them by if CUDA_DEVICE_ORDER is PCI_BUS_ID.
  const std::vector<GpuInfo>& gpus() const { return gpus_; }
  // What is wrong with GPUs that are there, and not among those.
  const std::vector<std::string>& complaints() const { return complaints_; }

  GpuLoad Look(uint32_t number) const;

 private:
  struct Library;

  explicit Nvml(std::unique_ptr<Library> library);
  Status FindGpus();

  const std::unique_ptr<Library> library_;
  std::vector<GpuInfo> gpus_;
  std::vector<void*> handles_;  // as gpus_
  std::vector<std::string> complaints_;
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_NVML_H_
