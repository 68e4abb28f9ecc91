// SPDX-License-Identifier: Apache-2.0

#include "device/gpu_watch.h"

#include <utility>

#include "core/thread.h"

namespace darkroom {

GpuWatch::GpuWatch(std::unique_ptr<Nvml> nvml, const std::vector<Device>& devices,
                   std::chrono::milliseconds every)
    : nvml_(std::move(nvml)), every_(every) {
  if (nvml_ == nullptr) return;
  for (const Device& device : devices) {
    if (device.gpu) numbers_.push_back(device.gpu->number);
  }
  if (!numbers_.empty()) thread_ = std::thread([this] { Watch(); });
}

GpuWatch::~GpuWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::optional<GpuLoad> GpuWatch::LoadOf(uint32_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = loads_.find(number);
  return found == loads_.end() ? std::nullopt : std::optional(found->second);
}

void GpuWatch::Watch() {
  SetThreadName("dr-gpu-watch");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    std::map<uint32_t, GpuLoad> loads;
    for (const uint32_t number : numbers_) loads[number] = nvml_->Look(number);
    lock.lock();
    loads_.swap(loads);
    wake_.wait_for(lock, every_, [this] { return stopping_; });
  }
}

}  // namespace darkroom
