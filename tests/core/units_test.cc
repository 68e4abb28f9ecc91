// SPDX-License-Identifier: Apache-2.0

#include "core/units.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using std::chrono::milliseconds;

TEST(Units, ReadsDurations) {
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("30s"), milliseconds(30'000));
  EXPECT_EQ(*ParseDuration("1.5s"), milliseconds(1'500));
  EXPECT_EQ(*ParseDuration("10m"), milliseconds(600'000));
  EXPECT_EQ(*ParseDuration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(*ParseDuration("30d"), std::chrono::hours(720));
  EXPECT_EQ(*ParseDuration("0ms"), milliseconds(0));
  EXPECT_EQ(*ParseDuration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(*ParseDuration("1d 2h 3m 4s 5ms"), milliseconds(93'784'005));
}

TEST(Units, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "30", "-1s", "1 fortnight", "1e3s", "nan", "inf", "1s2",
                           "99999999999999999h", "30m1h", "1h1h", "1h m", "9000000000000s1000ms"}) {
    const auto parsed = ParseDuration(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.status().code(), Code::kInvalidArgument) << text;
  }
  EXPECT_NE(ParseDuration("30").status().message().find("lacks a unit"), std::string::npos);
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(*ParseSize("0"), 0U);
  EXPECT_EQ(*ParseSize("4096"), 4096U);
  EXPECT_EQ(*ParseSize("64KiB"), 65'536U);
  EXPECT_EQ(*ParseSize("8 MiB"), 8U << 20);
  EXPECT_EQ(*ParseSize("0.5GiB"), 1U << 29);
  EXPECT_EQ(*ParseSize("2MB"), 2'000'000U);
}

TEST(Units, RefusesWhatIsNoSize) {
  for (const char* text : {"", "MiB", "-1", "8mib", "8 parsec", "1e9", "9999999999TiB"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(Units, GuessesWhichUnitWasMeant) {
  EXPECT_EQ(ParseDuration("30 sec").status().hint(), "did you mean '30s'?");
  EXPECT_EQ(ParseDuration("2 Hours").status().hint(), "did you mean '2h'?");
  EXPECT_EQ(ParseSize("64mib").status().hint(), "did you mean '64MiB'?");
  EXPECT_EQ(ParseSize("1.5G").status().hint(), "did you mean '1.5GiB'?");
  EXPECT_EQ(ParseSize("8 parsec").status().hint(), "write it like 4096, 64KiB, 8MiB or 2GiB");
}

TEST(Units, WritesSizes) {
  EXPECT_EQ(FormatDuration(std::chrono::milliseconds(250)), "250 ms");
  EXPECT_EQ(FormatDuration(std::chrono::milliseconds(1500)), "1.5 s");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(10)), "600 s");
  EXPECT_EQ(FormatSize(512), "512 bytes");
  EXPECT_EQ(FormatSize(8ULL << 20), "8 MiB");
  EXPECT_EQ(FormatSize((4ULL << 30) + (100ULL << 20)), "4.1 GiB");
}

}  // namespace
}  // namespace darkroom
