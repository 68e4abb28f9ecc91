// SPDX-License-Identifier: Apache-2.0

#include "reply/job_spans.h"

#include <gtest/gtest.h>

#include <string>

namespace darkroom {
namespace {

using std::chrono::milliseconds;

const auto kStart = Job::Clock::now();

// "queue 0-10, load 10-30": in milliseconds since the job was accepted.
std::string Phases(const Job& job, const host::JobResult& result, milliseconds end) {
  std::string text;
  for (const JobPhase& phase : PhasesOf(job, result, kStart + end)) {
    const auto ms = [](Job::Clock::time_point time) {
      return std::to_string(std::chrono::duration_cast<milliseconds>(time - kStart).count());
    };
    if (!text.empty()) text += ", ";
    text += std::string(phase.name) + " " + ms(phase.start) + "-" + ms(phase.end);
  }
  return text;
}

class PhasesTest : public testing::Test {
 protected:
  PhasesTest() {
    job.accepted = kStart;
    job.started = kStart + milliseconds(30);
    job.attempts = 1;
    result.decode_ms = 5;
    result.infer_ms = 40;
    result.encode_ms = 10;
  }
  Job job;
  host::JobResult result;
};

TEST_F(PhasesTest, FollowEachOther) {
  EXPECT_EQ(Phases(job, result, milliseconds(90)),
            "queue 0-30, decode 30-35, infer 40-80, encode 80-90");
  job.load_ms = 20;
  EXPECT_EQ(Phases(job, result, milliseconds(90)),
            "queue 0-10, load 10-30, decode 30-35, infer 40-80, encode 80-90");
}

TEST_F(PhasesTest, StayWithinTheJobWhateverTheClocksSay) {
  job.load_ms = 1000;
  result.infer_ms = 1000;
  EXPECT_EQ(Phases(job, result, milliseconds(90)),
            "queue 0-0, load 0-30, decode 30-35, infer 35-80, encode 80-90");
  result.decode_ms = 1000;
  EXPECT_EQ(Phases(job, result, milliseconds(90)),
            "queue 0-0, load 0-30, decode 30-90, infer 90-90, encode 90-90");
}

TEST_F(PhasesTest, OneThatNeverRanHasWaited) {
  job.attempts = 0;
  job.started = {};
  result.status = Status(Code::kDeadlineExceeded, "late");
  EXPECT_EQ(Phases(job, result, milliseconds(90)), "queue 0-90");
}

TEST_F(PhasesTest, OneThatFailedHasWhatItCameTo) {
  result = {};
  result.status = Status(Code::kInstanceLost, "gone");
  EXPECT_EQ(Phases(job, result, milliseconds(90)), "queue 0-30");
  result.decode_ms = 2;
  EXPECT_EQ(Phases(job, result, milliseconds(90)), "queue 0-30, decode 30-32");
  result.status = Status::Ok();
  EXPECT_EQ(Phases(job, result, milliseconds(90)),
            "queue 0-30, decode 30-32, infer 90-90, encode 90-90");
}

TEST(JobSpansTest, AreHandedOverWhenNobodyHasThemAnyMore) {
  std::vector<Span> taken;
  const auto take = [&](std::vector<Span> spans) { taken = std::move(spans); };
  Span own;
  own.name = "process m";
  Span publish;
  publish.name = "publish";
  publish.start = own.start + milliseconds(7);
  auto spans = std::make_shared<JobSpans>(std::vector<Span>{own}, publish,
                                          Job::Clock::now() - milliseconds(50), take);
  spans->Published(false);
  EXPECT_TRUE(taken.empty());
  spans.reset();
  ASSERT_EQ(taken.size(), 2);
  EXPECT_EQ(taken[1].name, "publish");
  EXPECT_TRUE(taken[1].error);
  EXPECT_FALSE(taken[0].error);
  EXPECT_EQ(taken[0].end, taken[1].end);
  EXPECT_GE(taken[1].end - taken[1].start, milliseconds(50));

  // A reply that was never sent.
  spans = std::make_shared<JobSpans>(std::vector<Span>{own}, publish, Job::Clock::now(), take);
  spans.reset();
  EXPECT_EQ(taken.size(), 1);
}

}  // namespace
}  // namespace darkroom
