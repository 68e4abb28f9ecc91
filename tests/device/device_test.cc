// SPDX-License-Identifier: Apache-2.0

#include "device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DeviceTest : public testing::Test {
 protected:
  DeviceTest() {
    devices_ = {{"cuda:0", DeviceKind::kCuda, 0, 1},
                {"sim:0", DeviceKind::kCpu, 0, 1, 1000, true},
                {"cpu", DeviceKind::kCpu, 0, 1}};
  }
  static ModelInfo RunsOn(std::vector<DeviceKind> kinds) {
    ModelInfo info;
    info.id = "p";
    info.devices = std::move(kinds);
    return info;
  }
  std::vector<std::string> For(const ModelInfo& info,
                               const std::vector<std::string>& named = {}) const {
    std::vector<std::string> ids;
    for (const Device* device : DevicesFor(info, devices_, named)) ids.push_back(device->id);
    return ids;
  }

  std::vector<Device> devices_;
  const ModelInfo any_ = RunsOn({DeviceKind::kCuda, DeviceKind::kCpu});
  const ModelInfo cuda_ = RunsOn({DeviceKind::kCuda});
  const ModelInfo cpu_ = RunsOn({DeviceKind::kCpu});
};

TEST_F(DeviceTest, GpusGoFirstThenWhatStandsInForThem) {
  EXPECT_THAT(For(any_), ElementsAre("cuda:0"));
  EXPECT_THAT(For(cpu_), ElementsAre("sim:0"));
  devices_.erase(devices_.begin() + 1);
  EXPECT_THAT(For(cpu_), ElementsAre("cpu"));
}

TEST_F(DeviceTest, OnesWithAnErrorAreNotThere) {
  devices_[0].error = Status::FailedPrecondition("there is no device cuda:0", "list another");
  EXPECT_THAT(For(any_), ElementsAre("sim:0"));
  EXPECT_THAT(For(cuda_), IsEmpty());
  const Status none = NoDeviceFor(cuda_, devices_);
  EXPECT_EQ(none.code(), Code::kFailedPrecondition);
  EXPECT_EQ(none.message(),
            "plugin 'p' runs on none of the devices here: there is no device cuda:0");
  EXPECT_EQ(none.hint(), "list another");
}

TEST_F(DeviceTest, WhatAModelMayBeOnIsAllThatItIsOn) {
  EXPECT_THAT(For(any_, {"cpu"}), ElementsAre("cpu"));
  EXPECT_THAT(For(any_, {"sim:0", "cuda:0", "cuda:7"}), ElementsAre("cuda:0", "sim:0"));
  EXPECT_THAT(For(cuda_, {"cpu"}), IsEmpty());
  const Status none = NoDeviceFor(cuda_, devices_, {"cpu", "sim:0"});
  EXPECT_EQ(none.message(),
            "plugin 'p' runs on none of the devices here that the model may be on (cpu, sim:0)");
  EXPECT_EQ(none.hint(), "change the model's `devices`; darkroom ps lists those of this host");
  devices_[0].error = Status::FailedPrecondition("there is no device cuda:0", "list another");
  EXPECT_THAT(For(any_, {"cuda:0"}), IsEmpty());
  EXPECT_EQ(NoDeviceFor(any_, devices_, {"cuda:0"}).hint(), "list another");
}

TEST_F(DeviceTest, WhatIsNotListedIsAskedFor) {
  devices_.erase(devices_.begin());
  const Status none = NoDeviceFor(cuda_, devices_);
  EXPECT_EQ(none.message(), "plugin 'p' runs on none of the devices here");
  EXPECT_EQ(none.hint(), "list a device that it can use under devices");
}

}  // namespace
}  // namespace darkroom
