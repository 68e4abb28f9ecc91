// SPDX-License-Identifier: Apache-2.0

#include "device/find_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/device/fake_machine.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kHost = 64 * kGiB;

class FindDevicesTest : public testing::Test {
 protected:
  FoundDevices Find(const std::vector<DeviceConfig>& configured, const char* visible = nullptr) {
    return FindDevices(configured, SurveyGpus(Nvml::Open(), 0, visible), kHost);
  }
  // Where NVML is not there.
  static FoundDevices FindBlindly(const std::vector<DeviceConfig>& configured, size_t nodes) {
    return FindDevices(configured,
                       SurveyGpus(Status::NotFound("no libnvidia-ml.so.1"), nodes, nullptr), kHost);
  }
  static std::vector<std::string> Ids(const FoundDevices& found) {
    std::vector<std::string> ids;
    for (const Device& device : found.devices) ids.push_back(device.id);
    return ids;
  }

  FakeMachine machine_{{FakeGpu("small", 1, 10 * kGiB), FakeGpu("large", 2, 100 * kGiB)}};
};

TEST_F(FindDevicesTest, FindsAllGpusAndTheCpu) {
  const FoundDevices found = Find({});
  ASSERT_THAT(Ids(found), ElementsAre("cuda:0", "cuda:1", "cpu"));
  const Device& large = found.devices[1];
  EXPECT_EQ(large.kind, DeviceKind::kCuda);
  EXPECT_EQ(large.index, 1);
  EXPECT_EQ(large.lanes, 1U);
  EXPECT_EQ(large.gpu->name, "large");
  EXPECT_EQ(large.memory / kGiB, 90U);  // a tenth is for what no lease counts
  EXPECT_EQ(found.devices[2].memory, 0U);
  EXPECT_NE(found.nvml, nullptr);
  EXPECT_THAT(found.notes, IsEmpty());
}

TEST_F(FindDevicesTest, SeesWhatCudaSees) {
  const FoundDevices found = Find({}, "1");
  ASSERT_THAT(Ids(found), ElementsAre("cuda:0", "cpu"));
  EXPECT_EQ(found.devices[0].gpu->name, "large");
  EXPECT_EQ(found.devices[0].gpu->number, 1U);
  const FoundDevices none = Find({}, "");
  EXPECT_THAT(Ids(none), ElementsAre("cpu"));
  EXPECT_EQ(none.nvml, nullptr);
}

TEST_F(FindDevicesTest, TakesTheListAndItsLimits) {
  const FoundDevices found = Find({{"cuda:1", 2, 0, 50}, {"cuda:0", 1, kGiB}, {"cpu", 1, 0, 25}});
  ASSERT_THAT(Ids(found), ElementsAre("cuda:1", "cuda:0", "cpu"));
  EXPECT_EQ(found.devices[0].memory, 50 * kGiB);
  EXPECT_EQ(found.devices[0].lanes, 2U);
  EXPECT_EQ(found.devices[1].memory, kGiB);
  EXPECT_EQ(found.devices[2].memory, kHost / 4);
  EXPECT_THAT(Find({{"cuda:0", 1, 11 * kGiB}}).notes,
              ElementsAre("cuda:0 has 10 GiB of memory, and models may have 11 GiB of it"));
}

TEST_F(FindDevicesTest, KnowsSimulatedOnesByNumberAndSpeed) {
  const FoundDevices found = Find({{"sim:3", 1, kGiB, 0, 2.5}});
  const Device& device = found.devices[0];
  EXPECT_TRUE(device.simulated);
  EXPECT_EQ(device.kind, DeviceKind::kCpu);
  EXPECT_EQ(device.index, 3);
  EXPECT_EQ(device.speed, 2.5);
  EXPECT_EQ(device.memory, kGiB);
  EXPECT_EQ(found.nvml, nullptr);
}

TEST_F(FindDevicesTest, SaysWhatThereIsInPlaceOfWhatIsNot) {
  const FoundDevices found = Find({{"cuda:3"}, {"cuda:0"}});
  const Device& missing = found.devices[0];
  EXPECT_EQ(missing.error.code(), Code::kFailedPrecondition);
  EXPECT_EQ(missing.error.message(),
            "there is no device cuda:3: this machine has cuda:0 (small), cuda:1 (large)");
  EXPECT_EQ(missing.lanes, 0U);
  EXPECT_TRUE(found.devices[1].error.ok());
  EXPECT_EQ(Find({{"cuda:1"}}, "1").devices[0].error.message(),
            "there is no device cuda:1: this machine has cuda:0 (large), with "
            "CUDA_VISIBLE_DEVICES='1'");
  EXPECT_EQ(Find({{"cuda:0"}}, "").devices[0].error.message(),
            "there is no device cuda:0: this machine has no GPU that can be used, with "
            "CUDA_VISIBLE_DEVICES=''");
}

TEST_F(FindDevicesTest, CountsNodesWhereNvmlIsNotThere) {
  const FoundDevices found = FindBlindly({}, 2);
  ASSERT_THAT(Ids(found), ElementsAre("cuda:0", "cuda:1", "cpu"));
  EXPECT_FALSE(found.devices[0].gpu);
  EXPECT_EQ(found.devices[0].memory, 0U);
  EXPECT_THAT(found.notes, ElementsAre(HasSubstr("NVML cannot be asked (no libnvidia-ml.so.1)")));
  // A machine without GPUs is nothing to talk about.
  const FoundDevices none = FindBlindly({}, 0);
  EXPECT_THAT(Ids(none), ElementsAre("cpu"));
  EXPECT_THAT(none.notes, IsEmpty());
}

TEST_F(FindDevicesTest, KnowsNoPartOfWhatItDoesNotKnow) {
  const FoundDevices found = FindBlindly({{"cuda:0", 1, 0, 90}, {"cuda:1", 1, kGiB}}, 2);
  EXPECT_THAT(found.devices[0].error.message(), HasSubstr("nobody knows what 90 % of cuda:0's"));
  EXPECT_THAT(found.devices[0].error.hint(), HasSubstr("20GiB"));
  EXPECT_EQ(found.devices[1].memory, kGiB);
  EXPECT_EQ(FindBlindly({{"cuda:0"}}, 0).devices[0].error.message(),
            "there is no device cuda:0: this machine has no GPU that can be used (no "
            "libnvidia-ml.so.1)");
}

TEST(CountGpuNodes, CountsWhatIsNumbered) {
  std::string pattern = (std::filesystem::temp_directory_path() / "darkroom-dev-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  for (const char* name : {"nvidia0", "nvidia3", "nvidia12", "nvidia", "nvidiactl", "nvidia-uvm",
                           "nvidia1x", "null"}) {
    std::ofstream(folder / name).put('x');
  }
  EXPECT_EQ(CountGpuNodes(folder), 3U);
  std::filesystem::remove_all(folder);
  EXPECT_EQ(CountGpuNodes(folder), 0U);
}

}  // namespace
}  // namespace darkroom
