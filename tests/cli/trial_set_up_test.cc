// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_set_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace darkroom {
namespace {

using testing::HasSubstr;

ModelInfo RunsOn(std::vector<DeviceKind> devices) {
  ModelInfo info;
  info.id = "sharp";
  info.devices = std::move(devices);
  return info;
}

TEST(TrialSetUp, TheDeviceIsTheCpuWhereThePluginRunsThere) {
  std::string name;
  auto lane = TrialLane(RunsOn({DeviceKind::kCuda, DeviceKind::kCpu}), "", &name);
  ASSERT_TRUE(lane.ok());
  EXPECT_EQ(name, "cpu");
  EXPECT_EQ(lane->device_type, 1);
  lane = TrialLane(RunsOn({DeviceKind::kCuda}), "", &name);
  ASSERT_TRUE(lane.ok());
  EXPECT_EQ(name, "cuda:0");
  EXPECT_EQ(lane->device_type, 2);
}

TEST(TrialSetUp, TheDeviceMayBeNamed) {
  std::string name;
  const ModelInfo info = RunsOn({DeviceKind::kCuda, DeviceKind::kCpu});
  const auto lane = TrialLane(info, "cuda:1", &name);
  ASSERT_TRUE(lane.ok());
  EXPECT_EQ(lane->device_id, 1);
  for (const char* wrong : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "CPU"}) {
    const auto none = TrialLane(info, wrong, &name);
    ASSERT_FALSE(none.ok()) << wrong;
    EXPECT_EQ(none.status().code(), Code::kInvalidArgument);
  }
}

TEST(TrialSetUp, ABatchIsOfWhatTheManifestSays) {
  std::string name;
  ModelInfo info = RunsOn({DeviceKind::kCpu});
  info.batch_max = 8;
  EXPECT_EQ(TrialLane(info, "", &name)->max_batch, 8U);
  info.batch_max = 1'000'000;
  EXPECT_EQ(TrialLane(info, "", &name)->max_batch, 1024U);
}

TEST(TrialSetUp, TheConfigIsAsADaemonWritesIt) {
  PluginFile file;
  file.info = RunsOn({DeviceKind::kCpu});
  TrialOptions options;
  EXPECT_EQ(nlohmann::json::parse(TrialConfig(file, options)),
            nlohmann::json({{"name", "sharp"}, {"options", nlohmann::json::object()}}));
  options.options = {{"a", 1}};
  options.weights = "w.safetensors";
  const nlohmann::json config = nlohmann::json::parse(TrialConfig(file, options));
  EXPECT_EQ(config["options"]["a"], 1);
  EXPECT_EQ(config["weights"], (std::filesystem::current_path() / "w.safetensors").string());
}

TEST(TrialSetUp, WithoutAWorkerBesideItNothingIsTried) {
  // The tests' folder has none.
  PluginFile file;
  const auto set_up = TrialSetUp(file, {}, false);
  ASSERT_FALSE(set_up.ok());
  EXPECT_EQ(set_up.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(set_up.status().hint(), HasSubstr("--no-run"));
}

}  // namespace
}  // namespace darkroom
