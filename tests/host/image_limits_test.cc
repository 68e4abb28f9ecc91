// SPDX-License-Identifier: Apache-2.0

#include "host/image_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

TEST(ImageLimits, InputSize) {
  const ImageLimits limits{.max_pixels = 100, .max_input_bytes = 1000};
  EXPECT_EQ(CheckInputSize(0, limits).code(), Code::kInvalidArgument);
  EXPECT_TRUE(CheckInputSize(1000, limits).ok());
  const Status status = CheckInputSize(1001, limits);
  EXPECT_EQ(status.code(), Code::kTooLarge);
  EXPECT_THAT(status.message(), HasSubstr("1001"));
  EXPECT_THAT(status.message(), HasSubstr("1000"));
  EXPECT_FALSE(status.hint().empty());
}

TEST(ImageLimits, PixelsUpToTheLimitPass) {
  const ImageLimits limits{.max_pixels = 100, .max_input_bytes = 1000};
  EXPECT_TRUE(CheckImageSize(ImageFormat::kPng, 10, 10, limits).ok());
  EXPECT_TRUE(CheckImageSize(ImageFormat::kPng, 100, 1, limits).ok());
  EXPECT_TRUE(CheckImageSize(ImageFormat::kPng, 1, 100, limits).ok());
  EXPECT_EQ(CheckImageSize(ImageFormat::kPng, 10, 11, limits).code(), Code::kTooLarge);
  EXPECT_EQ(CheckImageSize(ImageFormat::kPng, 101, 1, limits).code(), Code::kTooLarge);
}

TEST(ImageLimits, ProductsThatWrapAroundAreRefused) {
  const ImageLimits limits{.max_pixels = 100, .max_input_bytes = 1000};
  // 2^32 * 2^32 is 0 in 64 bits.
  EXPECT_EQ(CheckImageSize(ImageFormat::kPng, 1ULL << 32, 1ULL << 32, limits).code(),
            Code::kTooLarge);
  EXPECT_EQ(CheckImageSize(ImageFormat::kPng, UINT64_MAX, UINT64_MAX, limits).code(),
            Code::kTooLarge);
}

TEST(ImageLimits, SidesOfZeroAreRefused) {
  EXPECT_EQ(CheckImageSize(ImageFormat::kJpeg, 0, 5, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(CheckImageSize(ImageFormat::kJpeg, 5, 0, {}).code(), Code::kInvalidArgument);
}

TEST(ImageLimits, ViewsMustFitTheirBytes) {
  const Image image = MakePicture(4, 3, 3);
  EXPECT_TRUE(CheckView(image.view()).ok());
  ImageView view = image.view();
  view.height = 4;
  EXPECT_EQ(CheckView(view).code(), Code::kInternal);
  view = image.view();
  view.channels = 5;
  EXPECT_EQ(CheckView(view).code(), Code::kInternal);
  view.channels = 0;
  EXPECT_EQ(CheckView(view).code(), Code::kInternal);
  view = image.view();
  view.width = 0;
  view.pixels = {};
  EXPECT_EQ(CheckView(view).code(), Code::kInternal);
}

}  // namespace
}  // namespace darkroom::host
