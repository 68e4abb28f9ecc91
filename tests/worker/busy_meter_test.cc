// SPDX-License-Identifier: Apache-2.0

#include "worker/busy_meter.h"

#include <gtest/gtest.h>

#include <chrono>

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BusyMeter, IsTheMeanOfWhatWasOfLate) {
  BusyMeter meter;
  BusyMeter::Time now{std::chrono::hours(1)};
  EXPECT_EQ(meter.Part(now), 0);
  // A quarter of the time, for minutes.
  for (int i = 0; i < 300; ++i) {
    meter.Set(true, now);
    now += milliseconds(250);
    meter.Set(false, now);
    now += milliseconds(750);
  }
  EXPECT_NEAR(meter.Part(now), 0.25, 0.02);
}

TEST(BusyMeter, KnowsOfWhatIsGoingOn) {
  BusyMeter meter;
  const BusyMeter::Time now{std::chrono::hours(1)};
  meter.Set(true, now);
  EXPECT_EQ(meter.Part(now), 0);
  EXPECT_NEAR(meter.Part(now + seconds(30)), 0.632, 0.001);
  EXPECT_NEAR(meter.Part(now + std::chrono::minutes(10)), 1, 0.001);
}

TEST(BusyMeter, ForgetsWhatIsOver) {
  BusyMeter meter;
  const BusyMeter::Time now{std::chrono::hours(1)};
  meter.Set(true, now);
  meter.Set(false, now + std::chrono::minutes(10));
  EXPECT_NEAR(meter.Part(now + std::chrono::minutes(15)), 0, 0.001);
}

}  // namespace
}  // namespace darkroom
