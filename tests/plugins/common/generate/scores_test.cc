// SPDX-License-Identifier: Apache-2.0

#include "common/generate/scores.h"

#include <gtest/gtest.h>

#include <cmath>

namespace darkroom {
namespace {

at::Tensor Row(std::vector<float> values) { return at::tensor(values, at::kFloat); }

TEST(Scores, RepetitionIsPenalizedByTheSignOnceForEachToken) {
  const at::Tensor row = Row({2, -2, 4, 0});
  PenalizeRepetition(std::vector<int64_t>{0, 1, 0, 77}, 2.0, row);
  EXPECT_TRUE(row.equal(Row({1, -4, 4, 0})));
}

TEST(Scores, NgramsAreNotRepeated) {
  const at::Tensor row = Row({0, 0, 0, 0});
  BanRepeatedNgrams(std::vector<int64_t>{1, 2, 3, 1, 2}, 3, row);
  EXPECT_TRUE(std::isinf(row[3].item<float>()));
  EXPECT_EQ(row.isinf().sum().item<int64_t>(), 1);
  BanRepeatedNgrams(std::vector<int64_t>{1, 2}, 3, row);  // too short for one
  BanRepeatedNgrams(std::vector<int64_t>{0}, 1, row);
  EXPECT_TRUE(std::isinf(row[0].item<float>()));
}

TEST(Scores, AnEndIsImpossibleBeforeTheLeastLength) {
  GenerationSettings settings;
  EXPECT_FALSE(ChangesScores(settings));
  settings.min_new_tokens = 2;
  settings.end = {1};
  const at::Tensor row = Row({0, 0});
  ProcessScores(settings, {}, 2, row);
  EXPECT_FALSE(std::isinf(row[1].item<float>()));
  ProcessScores(settings, {}, 1, row);
  EXPECT_TRUE(std::isinf(row[1].item<float>()));
}

TEST(Scores, SamplingKeepsTheLikeliest) {
  GenerationSettings settings;
  settings.top_k = 3;
  EXPECT_EQ(FilterForSampling(settings, Row({1, 2, 3, 4})).isinf().sum().item<int64_t>(), 1);
  settings.top_k = 0;
  settings.top_p = 0.5;
  const at::Tensor chances = Row({0.1F, 0.45F, 0.2F, 0.25F}).log();
  // 0.45 alone is too little.
  EXPECT_EQ(FilterForSampling(settings, chances).isinf().sum().item<int64_t>(), 2);
  settings.top_p = 1e-9;
  EXPECT_EQ(FilterForSampling(settings, chances).isinf().sum().item<int64_t>(), 3);
  settings.top_p = 1;
  settings.temperature = 0.5;
  EXPECT_TRUE(FilterForSampling(settings, Row({1, 2})).equal(Row({2, 4})));
}

}  // namespace
}  // namespace darkroom
