// SPDX-License-Identifier: Apache-2.0
//
// The exact values are held against Pillow by tests/plugins/enhance/test_parity.py; here are the
// properties.

#include "common/image/resize.h"

#include <gtest/gtest.h>

#include <vector>

namespace darkroom {
namespace {

std::vector<uint8_t> Resize(const std::vector<uint8_t>& source, int64_t height, int64_t width,
                            int64_t channels, int64_t to_height, int64_t to_width,
                            Filter filter = Filter::kBicubic) {
  std::vector<uint8_t> out(static_cast<size_t>(to_height * to_width * channels));
  Resizer resizer(filter, height, width,
                  {out.data(), to_height, to_width, channels, channels, to_width * channels});
  for (int64_t y = 0; y < height; ++y) resizer.Push(source.data() + y * width * channels, channels);
  return out;
}

TEST(ResizeTest, TheSameSizeChangesNothing) {
  const std::vector<uint8_t> picture = {1, 20, 255, 0, 77, 3, 200, 9, 128, 64, 32, 16};
  EXPECT_EQ(Resize(picture, 2, 3, 2, 2, 3), picture);
}

TEST(ResizeTest, AnEvenPictureStaysEven) {
  const std::vector<uint8_t> picture(7 * 5, 201);
  for (const int64_t edge : {1, 2, 3, 5, 7, 16, 40}) {
    const std::vector<uint8_t> out = Resize(picture, 7, 5, 1, edge, edge + 1);
    EXPECT_EQ(out, std::vector<uint8_t>(out.size(), 201)) << edge;
  }
}

TEST(ResizeTest, ReducingAveragesRatherThanPicks) {
  std::vector<uint8_t> stripes;
  for (int i = 0; i < 64 * 64; ++i) stripes.push_back(i % 2 == 0 ? 0 : 200);
  const std::vector<uint8_t> out = Resize(stripes, 64, 64, 1, 8, 8);
  for (size_t x = 1; x < 7; ++x) EXPECT_NEAR(out[8 * 4 + x], 100, 1);
}

TEST(ResizeTest, OvershootIsCut) {
  const std::vector<uint8_t> edge = {0, 0, 255, 255};
  const std::vector<uint8_t> out = Resize(edge, 1, 4, 1, 1, 16);
  EXPECT_EQ(out.front(), 0);
  EXPECT_EQ(out.back(), 255);
}

TEST(ResizeTest, OneChannelAmongFour) {
  std::vector<uint8_t> out(2 * 2 * 4, 9);
  const std::vector<uint8_t> source = {50};
  Resizer resizer(Filter::kBicubic, 1, 1, {out.data() + 3, 2, 2, 1, 4, 8});
  resizer.Push(source.data(), 1);
  EXPECT_EQ(out, (std::vector<uint8_t>{9, 9, 9, 50, 9, 9, 9, 50, 9, 9, 9, 50, 9, 9, 9, 50}));
}

}  // namespace
}  // namespace darkroom
