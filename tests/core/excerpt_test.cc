// SPDX-License-Identifier: Apache-2.0

#include "core/excerpt.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(Excerpt, KeepsWhatIsShort) {
  EXPECT_EQ(Excerpt("scale"), "scale");
  EXPECT_EQ(Excerpt(std::string(80, 'x')), std::string(80, 'x'));
}

TEST(Excerpt, CutsWhatIsLong) { EXPECT_EQ(Excerpt("abcdefgh", 4), "abcd..."); }

TEST(Excerpt, NeverCutsACharacter) {
  EXPECT_EQ(Excerpt("ab\xc3\xa9\xc3\xa9", 3), "ab...");
  EXPECT_EQ(Excerpt("ab\xc3\xa9\xc3\xa9", 4), "ab\xc3\xa9...");
  EXPECT_EQ(Excerpt("a\xf0\x9f\x93\xb7zzz", 4), "a...");
}

TEST(Excerpt, EndsOnTextThatIsNoUtf8) { EXPECT_LE(Excerpt(std::string(500, '\x80')).size(), 83U); }

}  // namespace
}  // namespace darkroom
