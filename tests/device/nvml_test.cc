// SPDX-License-Identifier: Apache-2.0
//
// Against a library of our own: what NVIDIA's does where there is a GPU, docs/gpu.md says how to
// see.

#include "device/nvml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/device/fake_machine.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Nvml, TellsWhatGpusThereAreInTheOrderOfTheirPciIds) {
  nlohmann::json far = FakeGpu("NVIDIA L4", 1, 24 * kGiB);
  far["domain"] = 1;
  const FakeMachine machine(
      {FakeGpu("NVIDIA H200", 0xDB, 140 * kGiB), far, FakeGpu("NVIDIA T4", 0x3B, 16 * kGiB)});
  const auto nvml = Nvml::Open();
  ASSERT_TRUE(nvml.ok()) << nvml.status().ToString();
  const std::vector<GpuInfo>& gpus = (*nvml)->gpus();
  ASSERT_THAT(gpus, SizeIs(3));
  EXPECT_EQ(gpus[0].name, "NVIDIA T4");
  EXPECT_EQ(gpus[0].pci, "00000000:3B:00.0");
  EXPECT_EQ(gpus[0].uuid, "GPU-59");
  EXPECT_EQ(gpus[0].memory, 16 * kGiB);
  EXPECT_EQ(gpus[1].name, "NVIDIA H200");
  EXPECT_EQ(gpus[2].pci, "00000001:01:00.0");
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(gpus[i].number, i);
  EXPECT_THAT((*nvml)->complaints(), IsEmpty());
}

TEST(Nvml, TellsHowTheyAreAtTheMoment) {
  nlohmann::json gpu = FakeGpu("NVIDIA H200", 1, 140 * kGiB);
  gpu.update({{"used", 3 * kGiB},
              {"busy", 71},
              {"temperature", 44},
              {"processes", {{812, 2 * kGiB}, {900, -1}}}});
  FakeMachine machine({gpu, FakeGpu("older", 2, kGiB)});
  const auto nvml = Nvml::Open();
  ASSERT_TRUE(nvml.ok()) << nvml.status().ToString();
  GpuLoad load = (*nvml)->Look(0);
  EXPECT_EQ(load.memory_used, 3 * kGiB);
  EXPECT_EQ(load.busy_percent, 71U);
  EXPECT_EQ(load.temperature_c, 44U);
  ASSERT_THAT(load.processes, SizeIs(2));
  EXPECT_EQ(load.processes[0].pid, 812U);
  EXPECT_EQ(load.processes[0].memory, 2 * kGiB);
  EXPECT_EQ(load.processes[1].memory, std::nullopt);

  load = (*nvml)->Look(1);
  EXPECT_EQ(load.memory_used, 0U);
  EXPECT_EQ(load.busy_percent, std::nullopt);
  EXPECT_EQ(load.temperature_c, std::nullopt);
  EXPECT_THAT(load.processes, IsEmpty());

  gpu["used"] = 5 * kGiB;
  machine.Become({{"gpus", {gpu}}});
  EXPECT_EQ((*nvml)->Look(0).memory_used, 5 * kGiB);
  EXPECT_EQ((*nvml)->Look(1).memory_used, std::nullopt);  // it is gone
  EXPECT_EQ((*nvml)->Look(2).memory_used, std::nullopt);  // it was never there
}

TEST(Nvml, HearsOfMoreProcessesThanItHasRoomFor) {
  nlohmann::json gpu = FakeGpu("NVIDIA H200", 1, 140 * kGiB);
  gpu["processes"] = nlohmann::json::array();
  for (int pid = 1; pid <= 300; ++pid) gpu["processes"].push_back({pid, pid * 10});
  const FakeMachine machine(nlohmann::json::array({gpu}));
  const auto nvml = Nvml::Open();
  ASSERT_TRUE(nvml.ok()) << nvml.status().ToString();
  const GpuLoad load = (*nvml)->Look(0);
  ASSERT_THAT(load.processes, SizeIs(300));
  EXPECT_EQ(load.processes[299].memory, 3000U);
}

TEST(Nvml, DoesWithoutAGpuThatDoesNotAnswer) {
  nlohmann::json lost = FakeGpu("lost", 1, kGiB);
  lost["error"] = 15;
  const FakeMachine machine({lost, FakeGpu("NVIDIA T4", 2, kGiB)});
  const auto nvml = Nvml::Open();
  ASSERT_TRUE(nvml.ok()) << nvml.status().ToString();
  ASSERT_THAT((*nvml)->gpus(), SizeIs(1));
  EXPECT_EQ((*nvml)->gpus()[0].name, "NVIDIA T4");
  EXPECT_EQ((*nvml)->gpus()[0].number, 0U);
  EXPECT_THAT((*nvml)->complaints(), ElementsAre("GPU 0 of 2: GPU is lost"));
}

TEST(Nvml, SaysInTheDriversWordsWhyItCannotBeAsked) {
  FakeMachine machine(nlohmann::json::array({FakeGpu("NVIDIA T4", 1, kGiB)}));
  machine.Become({{"init", 9}});
  const auto nvml = Nvml::Open();
  ASSERT_FALSE(nvml.ok());
  EXPECT_EQ(nvml.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(nvml.status().message(), "libnvidia-ml.so.1: Driver Not Loaded");
}

}  // namespace
}  // namespace darkroom
