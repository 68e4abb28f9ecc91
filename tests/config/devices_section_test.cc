// SPDX-License-Identifier: Apache-2.0
//
// The list as it is read with the whole file, by LoadConfig.

#include "config/devices_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DevicesSectionTest : public ConfigFileTest {
 protected:
  static std::string File(const std::string& devices) { return "devices: " + devices + "\n"; }
  LoadedConfig Load(const std::string& devices) { return LoadFile(File(devices)); }
  std::vector<DeviceConfig> Read(const std::string& devices) {
    return ReadFile(File(devices)).devices;
  }
  std::vector<std::string> Issues(const std::string& devices) { return IssuesOf(File(devices)); }
};

TEST_F(DevicesSectionTest, IsAutoIfNothingElseIsSaid) {
  EXPECT_THAT(Read(""), IsEmpty());
  EXPECT_THAT(Read("auto"), IsEmpty());
}

TEST_F(DevicesSectionTest, PicksAndLimits) {
  const auto devices = Read(
      "[{device: 'cuda:12', memory: 90%, lanes: 2}, {device: cpu, memory: 4GiB}, "
      "{device: 'sim:0', memory: 1GiB, speed: 2.5}]");
  ASSERT_EQ(devices.size(), 3U);
  EXPECT_EQ(devices[0].device, "cuda:12");
  EXPECT_EQ(devices[0].memory_percent, 90U);
  EXPECT_EQ(devices[0].memory, 0U);
  EXPECT_EQ(devices[0].lanes, 2U);
  EXPECT_EQ(devices[1].memory, 4ULL << 30);
  EXPECT_EQ(devices[1].memory_percent, 0U);
  EXPECT_EQ(devices[1].speed, 1);
  EXPECT_EQ(devices[2].speed, 2.5);
}

TEST_F(DevicesSectionTest, RefusesPartsThatAreNone) {
  for (const char* wrong : {"0%", "101%", "-1%", "9.5%", "%", "a%", "90%%"}) {
    EXPECT_THAT(Issues(std::string("[{device: 'cuda:0', memory: '") + wrong + "'}]"),
                ElementsAre(HasSubstr("write a whole number from 1% to 100%")))
        << wrong;
  }
  EXPECT_THAT(Issues("[{device: 'cuda:0', memory: much}]"), ElementsAre(HasSubstr("not a size")));
  EXPECT_THAT(Issues("[{device: 'sim:0', memory: 50%}]"),
              ElementsAre("darkroom.yaml:1:37: devices[].memory: 'sim:0' has no memory of its own "
                          "to take 50% of: write a size such as 8GiB"));
}

TEST_F(DevicesSectionTest, RefusesSpeedsThatAreNoneAndOfWhatIsReal) {
  for (const char* wrong : {"0", "-1", "fast", "nan", "inf", "1001", "2x", "''"}) {
    EXPECT_THAT(Issues(std::string("[{device: 'sim:0', speed: ") + wrong + "}]"),
                ElementsAre(HasSubstr("must be a number from 0.001 to 1000")))
        << wrong;
  }
  EXPECT_THAT(Issues("[{device: cpu, speed: 2}]"),
              ElementsAre(HasSubstr("only sim:N devices have a speed")));
}

TEST_F(DevicesSectionTest, RefusesWhatIsNoDevice) {
  EXPECT_THAT(Issues("cpu"), ElementsAre(HasSubstr("devices must be auto or a list")));
  EXPECT_THAT(Issues("[]"), ElementsAre(HasSubstr("devices must be auto or a list")));
  for (const char* wrong : {"gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:01", "cuda:99999"}) {
    EXPECT_THAT(Issues(std::string("[{device: '") + wrong + "'}]"),
                ElementsAre(HasSubstr("unknown device")))
        << wrong;
  }
  EXPECT_THAT(Issues("[{device: cpu, lane: 1}]"), ElementsAre(HasSubstr("unknown key")));
  EXPECT_THAT(Issues("[{lanes: 1}]"),
              ElementsAre(HasSubstr("device is required"), HasSubstr("unknown device ''")));
}

}  // namespace
}  // namespace darkroom
