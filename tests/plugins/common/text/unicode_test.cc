// SPDX-License-Identifier: Apache-2.0

#include "common/text/unicode.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(Unicode, RoundTripsEveryLengthOfUtf8) {
  const std::u32string text = U"a\u00e9\u20ac\U0001f600\U0010ffff";
  EXPECT_EQ(DecodeUtf8(EncodeUtf8(text)), text);
}

TEST(Unicode, ReplacesWhatIsNoUtf8AsOftenAsRustAndPythonDo) {
  EXPECT_EQ(DecodeUtf8("a\xffz"), U"a\ufffdz");
  EXPECT_EQ(DecodeUtf8("\xe2\x82"), U"\ufffd");        // cut short: one for all that is right
  EXPECT_EQ(DecodeUtf8("\xe2\x82z"), U"\ufffdz");      // the z is not lost
  EXPECT_EQ(DecodeUtf8("\xc0\xaf"), U"\ufffd\ufffd");  // too long a form
  EXPECT_EQ(DecodeUtf8("\xed\xa0\x80"), U"\ufffd\ufffd\ufffd");            // a surrogate
  EXPECT_EQ(DecodeUtf8("\xf4\x90\x80\x80"), U"\ufffd\ufffd\ufffd\ufffd");  // above U+10FFFF
}

TEST(Unicode, ComposesAndDecomposes) {
  EXPECT_EQ(ToNfc(U"A\u030a"), U"\u00c5");
  EXPECT_EQ(ToNfd(U"\u1ea5"), U"a\u0302\u0301");
  EXPECT_EQ(ToNfd(U"\uac01"), U"\u1100\u1161\u11a8");
  EXPECT_EQ(ToNfc(U"e\u0301\u0323"), U"\u1eb9\u0301");  // marks are put into their order
}

TEST(Unicode, LeavesMarksThatAreNewerThanTheReferenceWhereTheyAre) {
  EXPECT_EQ(ToNfd(U"e\u1ac1\u0323"), U"e\u1ac1\u0323");
}

TEST(Unicode, LowersOneCapitalToTwoCharacters) {
  std::u32string text;
  for (const char32_t c : {U'A', U'\u0130', U'\u03a3', U'\ua7cb'}) AppendLowercase(c, &text);
  EXPECT_EQ(text, U"ai\u0307\u03c3\u0264");
}

TEST(Unicode, TellsClassesApart) {
  EXPECT_TRUE(IsSpace(0x3000));
  EXPECT_FALSE(IsSpace(0x200B));
  EXPECT_TRUE(IsLetter(0x4E00));
  EXPECT_TRUE(IsNumber(0xBD));
  EXPECT_TRUE(IsBertControl(0x200D));
  EXPECT_FALSE(IsBertControl('\n'));
  EXPECT_TRUE(IsBertPunctuation('$'));
  EXPECT_TRUE(IsBertPunctuation(0x3002));
  EXPECT_FALSE(IsBertPunctuation(0x20AC));
  EXPECT_TRUE(IsNonspacingMark(0x301));
}

}  // namespace
}  // namespace darkroom
