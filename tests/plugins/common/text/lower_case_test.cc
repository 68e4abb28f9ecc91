// SPDX-License-Identifier: Apache-2.0

#include "common/text/lower_case.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(ToLowercase, LowersCapitalsOneByOne) {
  EXPECT_EQ(ToLowercase(U""), U"");
  EXPECT_EQ(ToLowercase(U"A \u00c9t\u00c9 \u0130"), U"a \u00e9t\u00e9 i\u0307");
  EXPECT_EQ(ToLowercase(U"\ua7cb"), U"\ua7cb");  // of Unicode 16
}

TEST(ToLowercase, KnowsTheSigmaAtTheEndOfAWord) {
  EXPECT_EQ(ToLowercase(U"\u03a3\u039f\u03a3"), U"\u03c3\u03bf\u03c2");
  EXPECT_EQ(ToLowercase(U"\u03a3"), U"\u03c3");  // it ends nothing
  EXPECT_EQ(ToLowercase(U"a\u03a3'b a\u03a3' b"), U"a\u03c3'b a\u03c2' b");
  EXPECT_EQ(ToLowercase(U"\u2160\u0301\u03a3."), U"\u2170\u0301\u03c2.");
}

}  // namespace
}  // namespace darkroom
