// SPDX-License-Identifier: Apache-2.0

#include "scheduler/class_floor.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using Waiting = PerClass<std::optional<double>>;

// Gives out so many batches, each of what is first, and says how many of each class there were.
PerClass<int> Give(ClassFloor* floor, const Waiting& waiting, int batches) {
  PerClass<int> given{};
  for (int i = 0; i < batches; ++i) {
    const JobClass first = floor->First(waiting);
    floor->Given(first, waiting);
    ++given[static_cast<size_t>(first)];
  }
  return given;
}

TEST(ClassFloor, WithoutAFloorTheMostUrgentGoesFirst) {
  ClassFloor floor(0);
  EXPECT_EQ(Give(&floor, {1.0, 1.0, 1.0}, 100), (PerClass<int>{100, 0, 0}));
  EXPECT_EQ(Give(&floor, {std::nullopt, 1.0, 1.0}, 100), (PerClass<int>{0, 100, 0}));
}

TEST(ClassFloor, IsAPartOfTheTimeAndNotOfTheBatches) {
  ClassFloor floor(0.05);
  // Bulk batches of 100 ms beside urgent ones of 10 ms: one after 2000 ms of the others.
  const PerClass<int> given = Give(&floor, {10.0, std::nullopt, 100.0}, 1005);
  EXPECT_NEAR(given[2], 5, 1);
}

TEST(ClassFloor, NothingIsSavedUp) {
  ClassFloor floor(0.5);
  const Waiting both = {10.0, std::nullopt, 10.0};
  // It was there all the time and could not run more than one batch more.
  Give(&floor, {10.0, std::nullopt, std::nullopt}, 1000);
  const PerClass<int> given = Give(&floor, both, 30);
  EXPECT_NEAR(given[2], 15, 1);
}

TEST(ClassFloor, TheWaitAtTheHeadIsBounded) {
  ClassFloor floor(0.05);
  const Waiting waiting = {7.0, 30.0, 300.0};
  double since = 0;
  double longest = 0;
  for (int i = 0; i < 20'000; ++i) {
    const JobClass first = floor.First(waiting);
    floor.Given(first, waiting);
    if (first == JobClass::kBulk) {
      longest = std::max(longest, since);
      since = 0;
    } else {
      since += *waiting[static_cast<size_t>(first)];
    }
  }
  EXPECT_LE(longest, 300 / 0.05 + 30);
  EXPECT_GT(longest, 0);
}

}  // namespace
}  // namespace darkroom
