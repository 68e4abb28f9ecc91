// SPDX-License-Identifier: Apache-2.0

#include "host/orient.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

// Pixels named by letters, written row by row:  a b c
//                                               d e f
Image Letters() {
  Image image = MakeImage(3, 2, 1);
  std::memcpy(image.pixels.data(), "abcdef", 6);
  return image;
}

TEST(Orient, EveryOrientation) {
  const struct {
    int orientation;
    uint32_t width;
    std::string_view pixels;
  } kCases[] = {{1, 3, "abcdef"}, {2, 3, "cbafed"}, {3, 3, "fedcba"}, {4, 3, "defabc"},
                {5, 2, "adbecf"}, {6, 2, "daebfc"}, {7, 2, "fcebda"}, {8, 2, "cfbead"}};
  for (const auto& expected : kCases) {
    const Image image = ApplyOrientation(Letters(), expected.orientation);
    EXPECT_EQ(image.width, expected.width) << expected.orientation;
    EXPECT_EQ(image.height, 6 / expected.width) << expected.orientation;
    EXPECT_EQ(ToString(image.pixels), expected.pixels) << expected.orientation;
  }
}

TEST(Orient, UnknownNumbersChangeNothing) {
  for (const int orientation : {-1, 0, 9, 1000}) {
    EXPECT_EQ(ToString(ApplyOrientation(Letters(), orientation).pixels), "abcdef");
  }
}

// Each orientation and its opposite give back the picture, with every number of channels and with
// sides that are no multiple of the squares in which it is turned.
TEST(Orient, OppositesCancelOut) {
  const std::pair<int, int> kOpposites[] = {{2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 8}, {7, 7}, {8, 6}};
  for (uint32_t channels = 1; channels <= 4; ++channels) {
    const Image original = MakePicture(67, 41, channels);
    for (const auto& [there, back] : kOpposites) {
      Image image = ApplyOrientation(MakePicture(67, 41, channels), there);
      EXPECT_NE(ToString(image.pixels), ToString(original.pixels)) << there;
      image = ApplyOrientation(std::move(image), back);
      EXPECT_EQ(image.width, original.width);
      EXPECT_EQ(image.height, original.height);
      EXPECT_EQ(ToString(image.pixels), ToString(original.pixels)) << there << " " << channels;
    }
  }
}

TEST(Orient, KeepsTheColourProfile) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image image = MakePicture(5, 4, 3);
    image.icc = Buffer::Copy(AsBytes(MakeIcc("RGB ")));
    EXPECT_EQ(ToString(ApplyOrientation(std::move(image), orientation).icc), MakeIcc("RGB "));
  }
}

}  // namespace
}  // namespace darkroom::host
