// SPDX-License-Identifier: Apache-2.0

#include "common/generate/beam_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::ElementsAre;

constexpr int64_t kEnd = 9;

GenerationSettings Settings(int64_t beams, int64_t most) {
  GenerationSettings settings;
  settings.beams = beams;
  settings.max_new_tokens = most;
  settings.end = {kEnd};
  return settings;
}

TEST(BeamSearch, AsksForTwoCandidatesABeamAndMoreForMoreEnds) {
  GenerationSettings settings = Settings(3, 5);
  EXPECT_EQ(BeamSearch(settings).candidates(), 6);
  settings.end = {9, 8};
  EXPECT_EQ(BeamSearch(settings).candidates(), 9);
}

TEST(BeamSearch, GoesOnWithTheBestThatHaveNotEnded) {
  const GenerationSettings settings = Settings(2, 5);
  BeamSearch search(settings);
  search.Advance(std::vector<BeamCandidate>{
      {-1.F, 0, kEnd, -1.F}, {-2.F, 0, 3, -2.F}, {-3.F, 0, 4, -3.F}, {-4.F, 0, 5, -4.F}});
  ASSERT_FALSE(search.done());
  ASSERT_EQ(search.running().size(), 2u);
  EXPECT_THAT(search.running()[0].tokens, ElementsAre(3));
  EXPECT_THAT(search.running()[1].tokens, ElementsAre(4));
}

TEST(BeamSearch, CountsAnEndOnlyAmongTheFirst) {
  const GenerationSettings settings = Settings(1, 2);
  BeamSearch search(settings);
  // The second candidate ends, and is no better than what runs: it is forgotten.
  search.Advance(std::vector<BeamCandidate>{{-1.F, 0, 3, -1.F}, {-2.F, 0, kEnd, -2.F}});
  search.Advance(std::vector<BeamCandidate>{{-30.F, 0, 4, -29.F}, {-31.F, 0, 5, -30.F}});
  ASSERT_TRUE(search.done());
  EXPECT_THAT(search.best().tokens, ElementsAre(3, 4));
  EXPECT_FLOAT_EQ(search.best().score, -15.F);
  EXPECT_DOUBLE_EQ(search.best().log_probability, -30);
}

TEST(BeamSearch, LengthPenaltyDecidesBetweenShortAndLong) {
  for (const double penalty : {0.0, 2.0}) {
    GenerationSettings settings = Settings(2, 3);
    settings.length_penalty = penalty;
    settings.early_stopping = EarlyStopping::kNever;
    BeamSearch search(settings);
    search.Advance(std::vector<BeamCandidate>{
        {-2.F, 0, kEnd, 0}, {-2.1F, 0, 1, 0}, {-2.2F, 0, 2, 0}, {-9.F, 0, 3, 0}});
    search.Advance(std::vector<BeamCandidate>{
        {-3.F, 0, kEnd, 0}, {-3.1F, 0, 1, 0}, {-3.2F, 1, 2, 0}, {-9.F, 0, 3, 0}});
    while (!search.done())
      search.Advance(std::vector<BeamCandidate>{
          {-4.F, 0, 1, 0}, {-4.1F, 0, 2, 0}, {-4.2F, 1, 2, 0}, {-9.F, 0, 3, 0}});
    EXPECT_EQ(search.best().tokens.size(), penalty == 0.0 ? 1u : 3u) << penalty;
  }
}

TEST(BeamSearch, EarlyStoppingEndsWithTheFirstFullSet) {
  GenerationSettings settings = Settings(1, 9);
  settings.early_stopping = EarlyStopping::kWhenFull;
  BeamSearch search(settings);
  search.Advance(std::vector<BeamCandidate>{{-5.F, 0, kEnd, 0}, {-5.1F, 0, 3, 0}});
  EXPECT_TRUE(search.done());
}

TEST(BeamSearch, KeepsItsRowsWhenMoreEndThanAreExpected) {
  GenerationSettings settings = Settings(2, 5);
  settings.is_complete = [](std::span<const int64_t> tokens) { return tokens.back() != 1; };
  BeamSearch search(settings);
  search.Advance(std::vector<BeamCandidate>{
      {-1.F, 0, 2, 0}, {-2.F, 0, 3, 0}, {-3.F, 0, 1, 0}, {-4.F, 0, 4, 0}});
  ASSERT_FALSE(search.running().empty());
  EXPECT_EQ(search.running().size(), 2u);
}

}  // namespace
}  // namespace darkroom
