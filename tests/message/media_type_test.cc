// SPDX-License-Identifier: Apache-2.0

#include "message/media_type.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(MediaType, LeavesParametersOut) {
  EXPECT_EQ(MediaTypeOf("image/PNG"), "image/png");
  EXPECT_EQ(MediaTypeOf(" text/plain ; charset=utf-8"), "text/plain");
  EXPECT_EQ(MediaTypeOf(""), "");
}

TEST(MediaType, FindsParameters) {
  EXPECT_EQ(MediaTypeParameter("image/png;q=0.5", "q"), "0.5");
  EXPECT_EQ(MediaTypeParameter("a/b; x=1; Q = \"0.25\"", "q"), "0.25");
  EXPECT_EQ(MediaTypeParameter("a/b; x=1", "q"), "");
  EXPECT_EQ(MediaTypeParameter("a/b; q", "q"), "");
}

}  // namespace
}  // namespace darkroom
