// SPDX-License-Identifier: Apache-2.0

#include "device/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

const Status kLost(Code::kDeviceLost, "CUDA error: an illegal memory access was encountered");
const Status kSilent(Code::kDeadlineExceeded, "it did not answer a probe within 20 s");

// A device and the time that passes for it.
class HealthTest : public testing::Test {
 protected:
  HealthTest() { health_.Begin(seconds(30), now_); }

  // Lets time pass until a probe is due, which then is out. How long that was.
  milliseconds ToProbe() {
    const auto at = health_.probe_at();
    if (!at) return milliseconds(-1);
    const auto waited = std::chrono::duration_cast<milliseconds>(*at - now_);
    now_ = *at;
    health_.OnProbing();
    return waited;
  }
  bool Answer(const Status& outcome = Status::Ok()) { return health_.OnProbed(outcome, now_); }
  bool Lose() { return health_.OnLost(kLost, now_); }
  void Quarantine() {
    Lose();
    ToProbe();
    EXPECT_TRUE(Answer(kSilent));
  }

  Health::Time now_ = Health::Time{} + seconds(1000);
  Health health_;
};

TEST_F(HealthTest, IsProbedAtOnceAndThenNowAndAgain) {
  EXPECT_TRUE(health_.usable());
  EXPECT_FALSE(health_.settled());
  EXPECT_EQ(ToProbe(), seconds(0));
  EXPECT_FALSE(health_.probe_at()) << "one is out";
  EXPECT_FALSE(Answer());
  EXPECT_TRUE(health_.settled());
  EXPECT_EQ(ToProbe(), seconds(30));
  EXPECT_FALSE(Answer());
  EXPECT_EQ(ToProbe(), seconds(30));
}

TEST_F(HealthTest, WithoutAnIntervalItIsProbedForALossAlone) {
  health_.Begin(seconds(0), now_);
  ToProbe();
  Answer();
  EXPECT_FALSE(health_.probe_at());
  Lose();
  EXPECT_EQ(ToProbe(), seconds(0));
  EXPECT_TRUE(Answer());
  EXPECT_FALSE(health_.probe_at());
}

TEST_F(HealthTest, ALossMakesItSuspectedAndItsAnswerHealthyAgain) {
  ToProbe();
  Answer();
  now_ += seconds(7);
  EXPECT_TRUE(Lose());
  EXPECT_EQ(health_.state(), HealthState::kSuspected);
  EXPECT_FALSE(health_.usable());
  EXPECT_EQ(health_.why().message(), kLost.message());
  EXPECT_EQ(health_.since(), now_);
  EXPECT_EQ(ToProbe(), seconds(0));
  EXPECT_TRUE(Answer());
  EXPECT_TRUE(health_.usable());
  EXPECT_TRUE(health_.why().ok());
  EXPECT_EQ(health_.losses(), 1U);
}

TEST_F(HealthTest, AProbeThatBeganBeforeTheLossSaysNothingOfIt) {
  ToProbe();
  EXPECT_TRUE(Lose());
  EXPECT_FALSE(Answer());
  EXPECT_EQ(health_.state(), HealthState::kSuspected);
  EXPECT_EQ(ToProbe(), seconds(0));
  EXPECT_TRUE(Answer());
  EXPECT_TRUE(health_.usable());
}

TEST_F(HealthTest, AProbeThatFailsAfterALossQuarantinesIt) {
  ToProbe();
  Answer();
  now_ += seconds(1);
  const auto lost = now_;
  Lose();
  ToProbe();
  now_ += seconds(20);
  EXPECT_TRUE(Answer(kSilent));
  EXPECT_EQ(health_.state(), HealthState::kQuarantined);
  EXPECT_EQ(health_.why().message(), kSilent.message());
  EXPECT_EQ(health_.since(), lost);
}

TEST_F(HealthTest, OneProbeThatFailsIsAskedAgainAtOnce) {
  ToProbe();
  Answer();
  ToProbe();
  EXPECT_TRUE(Answer(kSilent));
  EXPECT_EQ(health_.state(), HealthState::kSuspected);
  EXPECT_EQ(ToProbe(), seconds(0));
  EXPECT_TRUE(Answer());
  EXPECT_TRUE(health_.usable());
  ToProbe();
  Answer(kSilent);
  ToProbe();
  EXPECT_TRUE(Answer(kSilent));
  EXPECT_EQ(health_.state(), HealthState::kQuarantined);
}

TEST_F(HealthTest, ADeviceThatIsDeadFromTheStartIsSettledByTwoProbes) {
  ToProbe();
  Answer(kSilent);
  EXPECT_FALSE(health_.settled());
  ToProbe();
  Answer(kSilent);
  EXPECT_TRUE(health_.settled());
}

TEST_F(HealthTest, PausesGrowToAMinuteAndBeginAnewAfterAnAnswer) {
  Quarantine();
  std::vector<int64_t> pauses;
  for (int i = 0; i < 8; ++i) {
    pauses.push_back(ToProbe().count() / 1000);
    EXPECT_FALSE(Answer(kSilent));
  }
  EXPECT_THAT(pauses, ElementsAre(1, 2, 4, 8, 16, 32, 60, 60));
  ToProbe();
  EXPECT_TRUE(Answer());
  EXPECT_TRUE(health_.usable());
  EXPECT_EQ(health_.since(), now_);
  EXPECT_EQ(ToProbe(), seconds(30));
  Answer();
  Quarantine();
  EXPECT_EQ(ToProbe(), seconds(1));
}

TEST_F(HealthTest, WhatIsReportedOfAQuarantinedDeviceChangesNothing) {
  Quarantine();
  const auto at = health_.probe_at();
  EXPECT_FALSE(Lose());
  EXPECT_EQ(health_.state(), HealthState::kQuarantined);
  EXPECT_EQ(health_.probe_at(), at);
}

TEST_F(HealthTest, WhatTheProcessItselfHasLostNoProbeMends) {
  ToProbe();
  EXPECT_TRUE(health_.OnLostForGood(kLost, now_));
  EXPECT_FALSE(Answer());
  EXPECT_EQ(health_.state(), HealthState::kQuarantined);
  EXPECT_FALSE(health_.probe_at());
  EXPECT_FALSE(Lose());
  EXPECT_FALSE(health_.probe_at());
}

TEST(NoneUsableSince, IsWhenTheLastOneWent) {
  const Health::Time start = Health::Time{} + seconds(1000);
  Health one;
  Health two;
  const std::vector<const Health*> both = {&one, &two};
  EXPECT_FALSE(NoneUsableSince(both));
  one.OnLost(kLost, start + seconds(5));
  EXPECT_FALSE(NoneUsableSince(both));
  two.OnLost(kLost, start + seconds(9));
  EXPECT_EQ(NoneUsableSince(both), start + seconds(9));
  one.OnProbing();
  one.OnProbed(Status::Ok(), start + seconds(10));
  EXPECT_FALSE(NoneUsableSince(both));
  EXPECT_FALSE(NoneUsableSince({}));
}

}  // namespace
}  // namespace darkroom
