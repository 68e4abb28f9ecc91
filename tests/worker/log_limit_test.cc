// SPDX-License-Identifier: Apache-2.0

#include "worker/log_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace darkroom {
namespace {

using std::chrono::milliseconds;

const LogLimit::Clock::time_point kStart{std::chrono::hours(100)};

// How many of so many lines go out.
uint32_t Admitted(LogLimit* limit, uint32_t lines, LogLimit::Clock::time_point now) {
  uint32_t admitted = 0;
  for (uint32_t i = 0; i < lines; ++i) {
    uint64_t dropped = 0;
    if (limit->Admit(now, &dropped)) ++admitted;
  }
  return admitted;
}

TEST(LogLimit, LetsSoManyLinesASecondThrough) {
  LogLimit limit;
  EXPECT_EQ(Admitted(&limit, 150, kStart), 150U);
  EXPECT_EQ(Admitted(&limit, 150, kStart + milliseconds(999)), LogLimit::kLinesASecond - 150);
  EXPECT_EQ(Admitted(&limit, 150, kStart + milliseconds(1000)), 150U);
  // An hour of silence does not let more through at once.
  EXPECT_EQ(Admitted(&limit, 1000, kStart + std::chrono::hours(1)), LogLimit::kLinesASecond);
}

TEST(LogLimit, TellsOfAGapWhereItBeginsAndWhereItEnds) {
  LogLimit limit;
  uint64_t dropped = 99;
  EXPECT_TRUE(limit.Admit(kStart, &dropped));
  EXPECT_EQ(dropped, 0U);
  Admitted(&limit, LogLimit::kLinesASecond - 1, kStart);
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_FALSE(limit.Admit(kStart, &dropped));
    EXPECT_EQ(dropped, i);
  }
  EXPECT_TRUE(limit.Admit(kStart + milliseconds(1000), &dropped));
  EXPECT_EQ(dropped, 3U);
  EXPECT_TRUE(limit.Admit(kStart + milliseconds(1000), &dropped));
  EXPECT_EQ(dropped, 0U);  // told once
}

TEST(LogLimit, IsSharedByThreads) {
  LogLimit limit;
  std::atomic<uint32_t> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] { admitted += Admitted(&limit, 1000, kStart); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, LogLimit::kLinesASecond);
  uint64_t dropped = 0;
  EXPECT_TRUE(limit.Admit(kStart + milliseconds(1000), &dropped));
  EXPECT_EQ(dropped, 4000 - LogLimit::kLinesASecond);
}

}  // namespace
}  // namespace darkroom
