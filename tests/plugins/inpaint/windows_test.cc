// SPDX-License-Identifier: Apache-2.0

#include "inpaint/windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace darkroom::inpaint {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WindowSizes kSizes{256, 40};

at::Tensor Mask(int64_t height, int64_t width, const std::vector<Box>& holes) {
  at::Tensor mask = at::zeros({height, width}, at::kByte);
  for (const Box& hole : holes)
    mask.narrow(0, hole.top, hole.height).narrow(1, hole.left, hole.width).fill_(1);
  return mask;
}

// That each window is one, and that together they fill all.
void ExpectSound(const at::Tensor& mask, const std::vector<Window>& windows) {
  at::Tensor left = mask.clone();
  for (const auto& [look, fill] : windows) {
    EXPECT_LE(look.height, kSizes.most);
    EXPECT_LE(look.width, kSizes.most);
    EXPECT_GE(look.top, 0);
    EXPECT_GE(look.left, 0);
    EXPECT_LE(look.top + look.height, mask.size(0));
    EXPECT_LE(look.left + look.width, mask.size(1));
    EXPECT_EQ(look.top, std::max<int64_t>(fill.top - kSizes.margin, 0));
    EXPECT_EQ(look.left + look.width,
              std::min(fill.left + fill.width + kSizes.margin, mask.size(1)));
    left.narrow(0, fill.top, fill.height).narrow(1, fill.left, fill.width).zero_();
  }
  EXPECT_FALSE(left.any().item<bool>());
}

std::vector<Window> Around(const at::Tensor& mask) {
  std::vector<Window> windows = WindowsAround(mask, kSizes);
  ExpectSound(mask, windows);
  return windows;
}

TEST(WindowsAround, NothingIsNoWindow) { EXPECT_THAT(Around(Mask(300, 400, {})), IsEmpty()); }

TEST(WindowsAround, OnePixelIsOne) {
  const auto windows = Around(Mask(1000, 1000, {{500, 500, 1, 1}}));
  ASSERT_THAT(windows, SizeIs(1));
  EXPECT_EQ(windows[0].fill, (Box{496, 496, 16, 16}));
  EXPECT_THAT(Around(Mask(1, 1, {{0, 0, 1, 1}})), SizeIs(1));
  EXPECT_THAT(Around(Mask(33, 17, {{32, 16, 1, 1}})), SizeIs(1));
}

TEST(WindowsAround, NeighboursShareOneAndOthersDoNot) {
  EXPECT_THAT(Around(Mask(1000, 1000, {{100, 100, 20, 20}, {150, 130, 20, 20}})), SizeIs(1));
  EXPECT_THAT(Around(Mask(1000, 1000, {{100, 100, 20, 20}, {700, 130, 20, 20}})), SizeIs(2));
  // Near each other, and together too large.
  EXPECT_THAT(Around(Mask(1000, 1000, {{100, 100, 160, 20}, {290, 100, 160, 20}})), SizeIs(2));
}

TEST(WindowsAround, ALargeHoleIsCut) {
  EXPECT_THAT(Around(Mask(900, 900, {{50, 50, 500, 500}})), SizeIs(9));
  EXPECT_THAT(Around(Mask(900, 900, {{0, 0, 899, 900}})), SizeIs(36));
}

TEST(WindowsAround, DustIsCutAsOneHole) {
  at::Tensor mask = at::zeros({1600, 1600}, at::kByte);
  for (int64_t y = 8; y < 1600; y += 64)
    for (int64_t x = 8; x < 1600; x += 64) mask[y][x] = 1;
  EXPECT_LE(Around(mask).size(), 100U);
}

}  // namespace
}  // namespace darkroom::inpaint
