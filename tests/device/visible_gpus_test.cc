// SPDX-License-Identifier: Apache-2.0

#include "device/visible_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Their names, "?" for one of which nothing is known.
std::vector<std::string> Names(const std::vector<std::optional<GpuInfo>>& gpus) {
  std::vector<std::string> names;
  for (const auto& gpu : gpus) names.push_back(gpu ? gpu->name : "?");
  return names;
}

std::vector<std::string> Visible(const char* list) {
  return Names(VisibleGpus(
      list, {{0, "a", "", "GPU-11aa"}, {1, "b", "", "GPU-11bb"}, {2, "c", "", "GPU-22cc"}}));
}

TEST(VisibleGpus, AreAllUnlessSomeArePicked) {
  EXPECT_THAT(Visible(nullptr), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Visible(""), IsEmpty());
  EXPECT_THAT(Visible(" "), IsEmpty());
  EXPECT_THAT(Visible("-1"), IsEmpty());
  EXPECT_THAT(Visible("NoDevFiles"), IsEmpty());
}

TEST(VisibleGpus, AreCountedInTheOrderInWhichTheyAreNamed) {
  EXPECT_THAT(Visible("1"), ElementsAre("b"));
  EXPECT_THAT(Visible("2,0"), ElementsAre("c", "a"));
  EXPECT_THAT(Visible("GPU-22cc, GPU-11a"), ElementsAre("c", "a"));
  EXPECT_THAT(Visible("GPU-22cc,1"), ElementsAre("c", "b"));
  EXPECT_THAT(Visible("0,MIG-5,1"), ElementsAre("a", "?", "b"));
}

TEST(VisibleGpus, EndAtTheFirstThatIsNotThere) {
  EXPECT_THAT(Visible("0,3,1"), ElementsAre("a"));
  EXPECT_THAT(Visible("0,-1,1"), ElementsAre("a"));
  EXPECT_THAT(Visible("0,,1"), ElementsAre("a"));
  EXPECT_THAT(Visible("1,GPU-33,0"), ElementsAre("b"));
  EXPECT_THAT(Visible("2,GPU-11,0"), ElementsAre("c"));  // two begin so
}

TEST(VisibleGpus, AreNoneIfOneIsNamedTwice) {
  EXPECT_THAT(Visible("0,1,0"), IsEmpty());
  EXPECT_THAT(Visible("GPU-22cc,2"), IsEmpty());
}

TEST(VisibleGpus, CanBeCountedWhereNothingElseIsKnown) {
  EXPECT_THAT(Names(VisibleGpus(nullptr, 2)), ElementsAre("?", "?"));
  EXPECT_THAT(Names(VisibleGpus("1", 2)), ElementsAre("?"));
  EXPECT_THAT(Names(VisibleGpus("1,2", 2)), ElementsAre("?"));
  EXPECT_THAT(Names(VisibleGpus("1,1", 2)), IsEmpty());
  EXPECT_THAT(Names(VisibleGpus("GPU-5", 2)), ElementsAre("?"));
}

}  // namespace
}  // namespace darkroom
