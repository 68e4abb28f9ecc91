// SPDX-License-Identifier: Apache-2.0

#include "cli/ago.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ParseTimestamp, ReadsWhatStatesHave) {
  const auto time = ParseTimestamp("2026-11-21T14:00:02.315Z");
  ASSERT_TRUE(time);
  const auto ms = std::chrono::duration_cast<milliseconds>(time->time_since_epoch()).count();
  EXPECT_EQ(ms, 1795269602315);
  EXPECT_EQ(ParseTimestamp("2026-11-21T14:00:02Z"), *time - milliseconds(315));
  EXPECT_EQ(ParseTimestamp("2026-11-21T14:00:02.3151234Z"), *time);
  EXPECT_EQ(ParseTimestamp("2026-11-21T14:00:02.3Z"), *time - milliseconds(15));
  for (const char* text : {"", "yesterday", "2026-11-21", "2026-11-21T14:00:02.315+01:00"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

TEST(Ago, IsInOneUnit) {
  const WallTime now = WallTime(seconds(10'000'000));
  EXPECT_EQ(Ago(now, now), "now");
  EXPECT_EQ(Ago(now + seconds(5), now), "now");  // another host's clock
  EXPECT_EQ(Ago(now - seconds(12), now), "12 s ago");
  EXPECT_EQ(Ago(now - seconds(59), now), "59 s ago");
  EXPECT_EQ(Ago(now - seconds(190), now), "3 min ago");
  EXPECT_EQ(Ago(now - seconds(7300), now), "2 h ago");
  EXPECT_EQ(Ago(now - seconds(5 * 86'400 + 9), now), "5 d ago");
  EXPECT_EQ(Ago("no time", now), "");
}

}  // namespace
}  // namespace darkroom
