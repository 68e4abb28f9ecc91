// SPDX-License-Identifier: Apache-2.0
//
// Of what is loaded and wants more memory (device/residency_extend.cc).

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/device/residency_fixture.h"

namespace darkroom {
namespace {

using std::chrono::seconds;
using State = Residency::State;

TEST_F(ResidencyTest, WhatWantsMoreIsGivenItWhereThereIsRoom) {
  FakePlace* place = AddReady(60);
  EXPECT_EQ(Extend(place, 30), "ok");
  EXPECT_EQ(ledger_.leased(), 90U);
  EXPECT_EQ(residency_.Look(place).bytes, 90U);
  residency_.OnUnloaded(place);
  EXPECT_EQ(ledger_.leased(), 0U);
  EXPECT_TRUE(residency_.Want(place, now_).ok());
  EXPECT_EQ(ledger_.leased(), 90U);  // at once, the next time
}

TEST_F(ResidencyTest, WhatNobodyUsesGoesForWhatWantsMore) {
  FakePlace* idle = AddReady(40);
  FakePlace* place = AddReady(60);
  now_ += seconds(30);
  EXPECT_EQ(Extend(place, 30), "");
  EXPECT_EQ(idle->leaves, 1);
  FakePlace* other = Add(10);
  Enqueue(other);
  Consider();
  EXPECT_EQ(other->loads, 0);  // what is made room for is not for others
  residency_.OnUnloaded(idle);
  Consider();
  EXPECT_EQ(answer_, "ok");
  EXPECT_EQ(ledger_.HeldBy(static_cast<Place*>(place)), 90U);
  Consider();
  EXPECT_EQ(other->loads, 1);
}

TEST_F(ResidencyTest, WhatIsUsedDoesNotGoForIt) {
  FakePlace* busy = AddReady(40);
  residency_.OnBatches(busy, 1, now_);
  FakePlace* place = AddReady(60);
  EXPECT_EQ(Extend(place, 30), "resource_exhausted");
  EXPECT_EQ(busy->leaves, 0);
  EXPECT_EQ(ledger_.HeldBy(static_cast<Place*>(place)), 60U);
}

TEST_F(ResidencyTest, WhatWantedTooMuchWhileItWasLoadedIsLoadedAgainWithIt) {
  FakePlace* busy = AddReady(50);
  residency_.OnBatches(busy, 1, now_);
  FakePlace* place = Add(40);
  Enqueue(place);
  Consider();
  EXPECT_EQ(place->loads, 1);
  EXPECT_EQ(Extend(place, 20), "resource_exhausted");
  EXPECT_TRUE(residency_.OnFailed(place));
  residency_.OnBatches(busy, 0, now_);
  now_ += seconds(30);
  Consider();
  residency_.OnUnloaded(busy);
  Consider();
  EXPECT_EQ(place->loads, 2);
  EXPECT_EQ(ledger_.HeldBy(static_cast<Place*>(place)), 60U);
  // What no device has is not tried again.
  EXPECT_EQ(Extend(place, 1000), "resource_exhausted");
  EXPECT_FALSE(residency_.OnFailed(place));
}

TEST_F(ResidencyTest, WhoIsLostMeanwhileIsNotAnswered) {
  FakePlace* idle = AddReady(40);
  FakePlace* place = AddReady(60);
  now_ += seconds(30);
  EXPECT_EQ(Extend(place, 30), "");
  residency_.OnLost(place);
  residency_.OnUnloaded(idle);
  Consider();
  EXPECT_EQ(answer_, "");
  EXPECT_EQ(ledger_.leased(), 0U);
}

TEST_F(ResidencyTest, WhatRanOutOfMemoryIsLoadedAgainWithMore) {
  FakePlace* place = AddReady(40);
  EXPECT_TRUE(residency_.Grow(place, now_));
  EXPECT_TRUE(residency_.Grow(place, now_));  // for another of its jobs
  EXPECT_EQ(place->leaves, 1);
  residency_.OnUnloaded(place);
  Enqueue(place);
  Consider();
  EXPECT_EQ(place->loads, 2);
  EXPECT_EQ(ledger_.leased(), 60U);
  residency_.OnLoaded(place, 1, now_);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(residency_.Grow(place, now_));
    residency_.OnUnloaded(place);
    Consider();
    residency_.OnLoaded(place, 1, now_);
  }
  EXPECT_EQ(ledger_.leased(), 100U);
  EXPECT_FALSE(residency_.Grow(place, now_));  // it has all that there is
}

}  // namespace
}  // namespace darkroom
