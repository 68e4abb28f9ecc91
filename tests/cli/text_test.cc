// SPDX-License-Identifier: Apache-2.0

#include "cli/text.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using std::chrono::milliseconds;

TEST(Text, PrintableTakesAwayWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("plain ünïcode 写真"), "plain ünïcode 写真");
  EXPECT_EQ(Printable("\x1b]0;title\x07"), " ]0;title ");
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "31m"),
            "a 31m");                                   // C1: CSI as one character
  EXPECT_EQ(Printable("a\u202Egpj.exe"), "a gpj.exe");  // text turned round
  EXPECT_EQ(Printable("a\nb\tc"), "a b c");
}

TEST(Text, PrintableMarksBytesThatAreNoUtf8) {
  EXPECT_EQ(Printable("a\xff"
                      "b"),
            "a?b");
  EXPECT_EQ(Printable("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(Printable("\xed\xa0\x80"), "???");       // half of a surrogate pair
  EXPECT_EQ(Printable("\xf5\x80\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(Printable("end\xe2\x82"), "end??");      // cut
}

TEST(Text, PrintableLinesKeepsLinesAndTabs) {
  EXPECT_EQ(PrintableLines("a\n\tb\x1b[1m\r"), "a\n\tb [1m ");
}

TEST(Text, TellsUtf8FromOtherBytes) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("写真 \U0001F4F7"));
  EXPECT_FALSE(IsUtf8("\xff\xd8\xff"));
}

TEST(Text, CountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("é"), 1U);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1U);  // a combining accent
  EXPECT_EQ(DisplayWidth("写真"), 4U);
  EXPECT_EQ(DisplayWidth("\U0001F4F7"), 2U);
}

TEST(Text, ShortensToColumns) {
  EXPECT_EQ(Shorten("abcdef", 6, true), "abcdef");
  EXPECT_EQ(Shorten("abcdef", 4, true), "abc…");
  EXPECT_EQ(Shorten("abcdef", 4, false), "abc.");
  EXPECT_EQ(Shorten("写真写真", 4, true), "写…");  // half of a wide character is none
  EXPECT_EQ(Shorten("abc", 0, true), "");
}

TEST(Text, FormatsTimesAsPeopleSayThem) {
  EXPECT_EQ(FormatTime(std::chrono::duration<double, std::milli>(0.42)), "0.4 ms");
  EXPECT_EQ(FormatTime(milliseconds(812)), "812 ms");
  EXPECT_EQ(FormatTime(std::chrono::duration<double, std::milli>(999.9)), "1.0 s");
  EXPECT_EQ(FormatTime(milliseconds(3'240)), "3.2 s");
  EXPECT_EQ(FormatTime(milliseconds(59'990)), "1m 0s");
  EXPECT_EQ(FormatTime(milliseconds(250'000)), "4m 10s");
  EXPECT_EQ(FormatTime(std::chrono::minutes(192)), "3h 12m");
  EXPECT_EQ(FormatTime(std::chrono::hours(122)), "5d 2h");
}

}  // namespace
}  // namespace darkroom
