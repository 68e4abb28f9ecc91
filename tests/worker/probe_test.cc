// SPDX-License-Identifier: Apache-2.0

#include "worker/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/worker/run_until.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

namespace fs = std::filesystem;

const Device kCpu = {"cpu", DeviceKind::kCpu, 0, 1};
const Device kSim = {"sim:3", DeviceKind::kCpu, 3, 1, 0, true};
const Device kCuda = {"cuda:1", DeviceKind::kCuda, 1, 1};

class ProbeTest : public testing::Test {
 protected:
  ProbeTest() {
    std::string pattern = (fs::temp_directory_path() / "darkroom-probe-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    setenv("LD_LIBRARY_PATH", FAKE_CUDA, 1);
    unsetenv("CUDA_FAKE");
  }
  ~ProbeTest() override { fs::remove_all(folder_); }

  void Make(const Device& device, milliseconds limit = seconds(60),
            const std::string& program = DARKROOM_WORKER_PROGRAM) {
    probe_.emplace(io_, device, program, folder_, limit);
  }
  Status Ask() {
    std::optional<Status> answer;
    probe_->Start([&](const Status& outcome) { answer = outcome; });
    EXPECT_FALSE(answer) << "it is told later";
    EXPECT_TRUE(RunUntil(io_, [&] { return answer.has_value(); }));
    return answer.value_or(Status::Internal("the test waited in vain"));
  }
  std::string AskWords() { return Ask().ToString(); }
  // Of the driver.
  static void Tell(const char* what) { setenv("CUDA_FAKE", what, 1); }
  void Write(const std::string& words) { std::ofstream(folder_ / "3") << words << '\n'; }

  boost::asio::io_context io_;
  fs::path folder_;
  std::optional<Probe> probe_;
};

TEST_F(ProbeTest, TheCpuComputes) {
  Make(kCpu);
  EXPECT_EQ(AskWords(), "ok");
  EXPECT_EQ(AskWords(), "ok");
}

TEST_F(ProbeTest, ASimulatedDeviceIsAsItsFileSays) {
  Make(kSim);
  EXPECT_EQ(AskWords(), "ok");
  Write("lost");
  EXPECT_THAT(AskWords(), HasSubstr("device_lost: " + (folder_ / "3").string() + " says"));
  Write("");
  EXPECT_EQ(AskWords(), "ok");
}

TEST_F(ProbeTest, WhatHangsIsCutOffAndCanBeAskedAgain) {
  // Long enough for a process that does answer to start on a busy machine.
  Make(kSim, seconds(2));
  Write("hang");
  EXPECT_THAT(AskWords(), HasSubstr("device_lost: it did not answer a probe within 2 s"));
  EXPECT_THAT(AskWords(), HasSubstr("it did not answer")) << "the one before is gone by then";
  fs::remove(folder_ / "3");
  EXPECT_EQ(AskWords(), "ok");
}

TEST_F(ProbeTest, AProcessThatCannotBeStartedIsNoAnswer) {
  Make(kCpu, seconds(60), (folder_ / "no-such-program").string());
  EXPECT_THAT(AskWords(), HasSubstr("no-such-program"));
}

TEST_F(ProbeTest, AProcessThatDiesIsNoAnswer) {
  Make(kCpu, seconds(60), "/bin/false");
  EXPECT_THAT(AskWords(), HasSubstr("the process that probed it exited with code 1"));
}

TEST_F(ProbeTest, AGpuComputes) {
  Make(kCuda);
  EXPECT_EQ(AskWords(), "ok");
}

TEST_F(ProbeTest, AGpuThatFailsSaysWhere) {
  Make(kCuda);
  Tell("cuMemsetD32=719");
  EXPECT_EQ(AskWords(),
            "device_lost: cuMemsetD32 failed: unspecified launch failure "
            "(CUDA_ERROR_LAUNCH_FAILED, 719)");
  for (const char* call : {"cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent",
                           "cuMemAlloc", "cuMemcpyDtoH", "cuMemFree"}) {
    Tell((std::string(call) + "=999").c_str());
    EXPECT_THAT(AskWords(), HasSubstr(std::string(call) + " failed: no words (unknown, 999)"));
  }
}

TEST_F(ProbeTest, AGpuThatForgetsIsFoundOut) {
  Make(kCuda);
  Tell("forgets");
  EXPECT_THAT(AskWords(), HasSubstr("1 of 262151 words came back other than they were written"));
}

TEST_F(ProbeTest, AGpuWhoseMemoryIsAllTakenIsWell) {
  Make(kCuda);
  Tell("cuMemAlloc=2");
  EXPECT_EQ(AskWords(), "ok");
  Tell("cuDevicePrimaryCtxRetain=2");
  EXPECT_EQ(AskWords(), "ok");
}

TEST_F(ProbeTest, AGpuThatIsNotThereOrHasNoDriverIsNone) {
  Make({"cuda:2", DeviceKind::kCuda, 2, 1});
  EXPECT_THAT(AskWords(), HasSubstr("cuDeviceGet failed"));
  Make(kCuda);
  setenv("LD_LIBRARY_PATH", folder_.c_str(), 1);
  EXPECT_THAT(AskWords(), HasSubstr("the driver cannot be opened: libcuda.so.1"));
}

TEST_F(ProbeTest, ADriverThatHangsIsCutOff) {
  Make(kCuda, milliseconds(200));
  Tell("hangs");
  EXPECT_THAT(AskWords(), HasSubstr("did not answer a probe within 200 ms"));
}

}  // namespace
}  // namespace darkroom
