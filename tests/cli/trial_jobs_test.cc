// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::ElementsAre;

std::vector<std::string> Names(const TrialJobs& all) {
  std::vector<std::string> names;
  for (const TrialJob& job : all.jobs) names.push_back(job.name);
  return names;
}

ModelInfo With(std::vector<ValueInfo> inputs) {
  ModelInfo info;
  info.inputs = std::move(inputs);
  return info;
}

TEST(TrialJobs, BytesComeInThreeSizesAndNotAtAll) {
  const TrialJobs all = MakeTrialJobs(With({{"data", ValueKind::kBytes, "", {}, true}}));
  EXPECT_THAT(Names(all),
              ElementsAre("data 1000 bytes", "data 1 byte", "data 0 bytes", "no inputs"));
  EXPECT_EQ(all.jobs[0].inputs[0].bytes.size(), 1000U);
  EXPECT_EQ(all.jobs[2].inputs[0].bytes.size(), 0U);
  EXPECT_TRUE(all.jobs[3].inputs.empty());
}

TEST(TrialJobs, PicturesAndTheirMasksAreOfOneSize) {
  const TrialJobs all = MakeTrialJobs(With({{"image", ValueKind::kImage, "uint8", {}, false},
                                            {"mask", ValueKind::kMask, "uint8", {}, true},
                                            {"prompt", ValueKind::kText, "", {}, false}}));
  EXPECT_THAT(
      Names(all),
      ElementsAre("image 64x48, mask 64x48, prompt 36 bytes", "image 1x1, mask 1x1, prompt 1 byte",
                  "image 64x48, mask 64x48, prompt 0 bytes", "image 64x48, prompt 36 bytes"));
  EXPECT_EQ(all.jobs[0].inputs[0].content_type, "image/png");
}

TEST(TrialJobs, TensorsHaveTheManifestsShape) {
  const TrialJobs all = MakeTrialJobs(With({{"x", ValueKind::kTensor, "float32", {-1, 4}, false}}));
  EXPECT_THAT(Names(all), ElementsAre("x float32 [3, 4]", "x float32 [1, 4]"));
  EXPECT_EQ(all.jobs[0].inputs[0].bytes.size(), 48U);
  EXPECT_THAT(Names(MakeTrialJobs(With({{"x", ValueKind::kTensor, "", {}, false}}))),
              ElementsAre("x uint8 [3]", "x uint8 [1]"));
  EXPECT_THAT(Names(MakeTrialJobs(With({{"x", ValueKind::kTensor, "bool", {2}, false}}))),
              ElementsAre("x bool [2]"));
}

TEST(TrialJobs, WhatNoDaemonTakesIsLeftOut) {
  for (const int64_t length : {int64_t{1} << 30, int64_t{1} << 62}) {
    const TrialJobs all =
        MakeTrialJobs(With({{"x", ValueKind::kTensor, "float64", {length, length}, false}}));
    EXPECT_TRUE(all.jobs.empty());
    EXPECT_EQ(all.notes.size(), 1U);
  }
}

TEST(TrialJobs, NoInputsAreOneJob) {
  EXPECT_THAT(Names(MakeTrialJobs({})), ElementsAre("no inputs"));
}

}  // namespace
}  // namespace darkroom
