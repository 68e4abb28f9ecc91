// SPDX-License-Identifier: Apache-2.0

#include "core/suggest.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(Suggest, FindsTheNearest) {
  const std::vector<std::string> known = {"scale", "tile", "models", "photo-enhance"};
  EXPECT_EQ(Nearest("scal", known), "scale");
  EXPECT_EQ(Nearest("tiel", known), "tile");  // swapped letters, the commonest of all
  EXPECT_EQ(Nearest("modles", known), "models");
  EXPECT_EQ(Nearest("photo_enhance", known), "photo-enhance");
}

TEST(Suggest, SaysNothingOfOtherWords) {
  EXPECT_EQ(Nearest("steps", {"scale", "tile"}), "");
  EXPECT_EQ(Nearest("x", {}), "");
  EXPECT_EQ(Nearest("", {"scale"}), "");
}

}  // namespace
}  // namespace darkroom
