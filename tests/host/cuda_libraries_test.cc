// SPDX-License-Identifier: Apache-2.0
//
// Folders of libtorch that lack something, each another thing: fake_torch_cuda.cc.

#include "host/cuda_libraries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "host/torch_libraries.h"

namespace darkroom::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// What is open is never closed, so that a test cannot be run twice in a process.
Status Open(const std::string& folder) {
  return OpenCudaLibraries(std::string(FAKE_TORCH) + "/" + folder, "2.11");
}

TEST(CudaLibraries, AreNotInATorchForTheCpu) {
  const Status status = Open("nothing");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), AllOf(StartsWith("libtorch_cuda.so is not in "),
                                      HasSubstr("/nothing: this libtorch is for the CPU alone")));
  EXPECT_THAT(status.hint(), AllOf(HasSubstr("scripts/setup --gpu"),
                                   HasSubstr("pip install torch==2.11.*"), HasSubstr("torch_dir")));
}

TEST(CudaLibraries, NameTheOneThatIsMissing) {
  const Status status = Open("lacking");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "libtorch_cuda.so cannot be opened: it needs libcudnn.so.9, which is not there");
  EXPECT_THAT(status.hint(), HasSubstr("a package named nvidia-..."));
}

TEST(CudaLibraries, NeedADriver) {
  const Status status = Open("without_driver");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("no NVIDIA driver"));
  EXPECT_THAT(status.hint(), HasSubstr("install the NVIDIA driver"));
}

TEST(CudaLibraries, NeedADriverThatIsNewEnough) {
  const Status status = Open("old_driver");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "the NVIDIA driver is too old: it is for CUDA 12.4, and this libtorch needs CUDA 13.0");
}

TEST(CudaLibraries, OpenWhereNothingIsMissing) { EXPECT_TRUE(Open("sound").ok()); }

TEST(TorchLibraries, LeaveTheCudaHalfAloneForTheCpu) {
  ModelInfo info;
  info.torch = "2.11";
  TorchLibraries cpu(std::string(FAKE_TORCH) + "/old_driver", false);
  cpu.Prepare(info);
  EXPECT_EQ(cpu.cuda_trouble().message(), "this process was started for the CPU");
  TorchLibraries cuda(std::string(FAKE_TORCH) + "/old_driver", true);
  EXPECT_TRUE(cuda.cuda_trouble().ok());  // nothing was asked of it
  cuda.Prepare(info);
  EXPECT_THAT(cuda.cuda_trouble().message(), HasSubstr("too old"));
  TorchLibraries lost("", true);
  lost.Prepare(info);
  EXPECT_THAT(lost.cuda_trouble().hint(), HasSubstr("torch_dir"));
}

}  // namespace
}  // namespace darkroom::host
