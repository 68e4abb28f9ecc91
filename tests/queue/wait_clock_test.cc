// SPDX-License-Identifier: Apache-2.0

#include "queue/wait_clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace darkroom {
namespace {

using std::chrono::milliseconds;

TEST(WaitClock, AJobTakesWhatWentByBetweenItsAcceptanceAndItsStart) {
  WaitClock clock;
  WaitClock::Time now{std::chrono::hours(1)};
  clock.Set(WaitFor::kRoom, now);
  now += milliseconds(500);
  const WaitClock::Totals accepted = clock.At(now);
  now += milliseconds(120);
  clock.Set(WaitFor::kLoading, now);
  now += milliseconds(30);
  clock.Set(WaitFor::kInteractive, now);
  now += milliseconds(7);
  clock.Set(WaitFor::kBulk, now);
  now += milliseconds(11);
  const WaitClock::Totals started = clock.At(now);
  EXPECT_EQ(WaitText(accepted, started, JobClass::kBulk),
            "room=120, loading=30, urgent=7, device=11");
  EXPECT_EQ(WaitText(accepted, started, JobClass::kInteractive), "room=120, loading=30, device=18");
  EXPECT_EQ(WaitText(started, clock.At(now + milliseconds(5)), JobClass::kNormal), "device=5");
  EXPECT_EQ(WaitText(started, started, JobClass::kNormal), "");
}

TEST(WaitClock, CountsNothingBeforeItIsToldAnything) {
  WaitClock clock;
  const WaitClock::Time now{std::chrono::hours(1)};
  EXPECT_EQ(clock.At(now), WaitClock::Totals{});
}

TEST(WaitClock, WhatIsWaitedForDependsOnWhoWaits) {
  EXPECT_EQ(WaitWord(WaitFor::kRoom, JobClass::kBulk), "room");
  EXPECT_EQ(WaitWord(WaitFor::kNormal, JobClass::kBulk), "urgent");
  EXPECT_EQ(WaitWord(WaitFor::kNormal, JobClass::kNormal), "device");
  EXPECT_EQ(WaitWord(WaitForClass(JobClass::kBulk), JobClass::kInteractive), "device");
}

}  // namespace
}  // namespace darkroom
