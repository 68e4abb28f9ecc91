// SPDX-License-Identifier: Apache-2.0

#include "device/gpu_watch.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "device/find_devices.h"
#include "tests/device/fake_machine.h"

namespace darkroom {
namespace {

nlohmann::json BusyGpu(uint32_t bus, uint32_t percent) {
  nlohmann::json gpu = FakeGpu("NVIDIA T4", bus, kGiB);
  gpu["busy"] = percent;
  return gpu;
}

TEST(GpuWatch, KnowsHowItsGpusAre) {
  FakeMachine machine({BusyGpu(1, 10), BusyGpu(2, 20)});
  FoundDevices found = FindDevices({{"cuda:1"}}, SurveyGpus(Nvml::Open(), 0, nullptr), kGiB);
  const GpuWatch watch(std::move(found.nvml), found.devices, std::chrono::milliseconds(1));
  const auto until_busy = [&](uint32_t percent) {
    while (true) {
      const auto load = watch.LoadOf(1);
      if (load && load->busy_percent == percent) return;
      std::this_thread::yield();
    }
  };
  until_busy(20);
  machine.Become({{"gpus", {BusyGpu(1, 10), BusyGpu(2, 90)}}});
  until_busy(90);
  EXPECT_FALSE(watch.LoadOf(0));  // it is no device of ours
}

TEST(GpuWatch, KnowsNothingWithoutNvml) {
  const GpuWatch watch(nullptr, {});
  EXPECT_FALSE(watch.LoadOf(0));
}

TEST(GpuWatch, DoesNotWaitForItsTimeToEnd) {
  const FakeMachine machine(nlohmann::json::array({BusyGpu(1, 10)}));
  FoundDevices found = FindDevices({}, SurveyGpus(Nvml::Open(), 0, nullptr), kGiB);
  const GpuWatch watch(std::move(found.nvml), found.devices, std::chrono::hours(1));
  while (!watch.LoadOf(0)) std::this_thread::yield();
}

}  // namespace
}  // namespace darkroom
