// SPDX-License-Identifier: Apache-2.0

#include "cli/doctor_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using State = Finding::State;
using testing::HasSubstr;

class DoctorHostTest : public testing::Test {
 protected:
  DoctorHostTest() {
    std::string pattern = (fs::temp_directory_path() / "darkroom-doctor-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~DoctorHostTest() override { fs::remove_all(root_); }

  void File(const std::string& path, const std::string& text = "") {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void Gpu() {
    File("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
    File("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
    File("sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
    File("sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
  }

  fs::path root_;
};

TEST_F(DoctorHostTest, AHostWithoutAGpuNeedsNoDriver) {
  File("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
  File("sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
  EXPECT_EQ(LookAtDriver(root_).state, State::kOk);
}

TEST_F(DoctorHostTest, EachStepOfADriverIsMissedByItsName) {
  Gpu();
  Finding finding = LookAtDriver(root_);
  EXPECT_EQ(finding.state, State::kFailed);
  EXPECT_EQ(finding.words, "1 NVIDIA GPU on this host, but the driver is not loaded");
  EXPECT_THAT(finding.hint, HasSubstr("nvidia-driver"));
  File("proc/driver/nvidia/version", "NVRM");
  EXPECT_THAT(LookAtDriver(root_).words, HasSubstr("no /dev/nvidiactl"));
  File("dev/nvidiactl");
  EXPECT_THAT(LookAtDriver(root_).words, HasSubstr("no /dev/nvidia-uvm"));
  File("dev/nvidia-uvm");
  EXPECT_EQ(LookAtDriver(root_).state, State::kOk);
}

TEST_F(DoctorHostTest, JudgesHowMuchRoomThereIs) {
  constexpr uint64_t kMiB = 1 << 20;
  EXPECT_EQ(JudgeDisk("/x", 100 * kMiB, 10'000 * kMiB).state, State::kFailed);
  EXPECT_EQ(JudgeDisk("/x", 1'000 * kMiB, 10'000 * kMiB).state, State::kWarning);
  EXPECT_EQ(JudgeDisk("/x", 5'000 * kMiB, 10'000 * kMiB).state, State::kOk);
  EXPECT_EQ(JudgeDisk("/x", 100 * kMiB, 1'000 * kMiB).words, "100 MiB of 1000 MiB are free at /x");
  EXPECT_NE(LookAtDisk(root_ / "not/yet").state, State::kSkipped);
}

TEST_F(DoctorHostTest, JudgesHowFarTheClockIsOff) {
  using std::chrono::milliseconds;
  EXPECT_EQ(JudgeClock(milliseconds(-200)).state, State::kOk);
  EXPECT_EQ(JudgeClock(milliseconds(-10'000)).state, State::kWarning);
  EXPECT_EQ(JudgeClock(milliseconds(120'000)).state, State::kFailed);
  EXPECT_EQ(JudgeClock(milliseconds(-1500)).words, "1.5 s behind the NATS server's");
}

TEST_F(DoctorHostTest, AStateFolderMayStillHaveToBeMade) {
  EXPECT_EQ(LookAtStateFolder(root_ / "a/b").state, State::kOk);
  File("file");
  EXPECT_EQ(LookAtStateFolder(root_ / "file").state, State::kFailed);
}

TEST_F(DoctorHostTest, MissesWeightsAndPlugins) {
  Config config;
  config.models.resize(2);
  config.models[0].name = "a";
  config.models[0].weights = (root_ / "a.bin").string();
  auto findings = LookAtModels(config);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_THAT(findings[0].words, HasSubstr("model 'a' has no weights at"));
  EXPECT_FALSE(findings[0].hint.empty());
  EXPECT_TRUE(AnyFailed(findings));
  File("a.bin");
  config.plugins.folder = root_ / "plugins";
  findings = LookAtModels(config);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].state, State::kOk);
  EXPECT_EQ(findings[1].name, "plugins");
}

TEST_F(DoctorHostTest, MissesLibtorchWhereItIsNamed) {
  Config config;
  config.torch_dir = root_ / "torch";
  EXPECT_EQ(LookAtTorch(config).state, State::kWarning) << "nothing here may need it";
  config.models.resize(1);
  config.models[0].weights = "some";
  EXPECT_EQ(LookAtTorch(config).state, State::kFailed);
  EXPECT_THAT(LookAtTorch(config).hint, HasSubstr("torch_dir"));
  File("torch/lib/libtorch_cpu.so");
  EXPECT_EQ(LookAtTorch(config).state, State::kOk);
}

}  // namespace
}  // namespace darkroom
