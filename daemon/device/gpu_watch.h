// SPDX-License-Identifier: Apache-2.0
//
// GpuWatch knows how the GPUs are: how busy, how full, how warm. A thread of its own asks the
// driver once a second, since that can take long, and whoever wants to know gets what it heard
// last.
//
// LoadOf may be called from any thread. The destructor waits for a question that is out.

#ifndef DARKROOM_DEVICE_GPU_WATCH_H_
#define DARKROOM_DEVICE_GPU_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "device/device.h"
#include "device/nvml.h"

namespace darkroom {

class GpuWatch {
 public:
  // Watches those of the devices that are known to `nvml`; nullptr: none is.
  GpuWatch(std::unique_ptr<Nvml> nvml, const std::vector<Device>& devices,
           std::chrono::milliseconds every = std::chrono::seconds(1));
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;

  // As of the last time; nothing if there was none yet, or the GPU is not watched. `number` is
  // GpuInfo's.
  std::optional<GpuLoad> LoadOf(uint32_t number) const;

 private:
  void Watch();

  const std::unique_ptr<Nvml> nvml_;
  const std::chrono::milliseconds every_;
  std::vector<uint32_t> numbers_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;              // guarded by mutex_
  std::map<uint32_t, GpuLoad> loads_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_GPU_WATCH_H_
