// SPDX-License-Identifier: Apache-2.0

#include "host/preview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "host/decode_image.h"
#include "host/host_api.h"
#include "host/image_probe.h"
#include "host/tensor.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

// A picture, and the tensor that shows it.
struct Picture {
  explicit Picture(std::vector<int64_t> of_shape) : shape(std::move(of_shape)) {
    FillStrides(shape, &strides);
    size_t size = 1;
    for (const int64_t length : shape) size *= static_cast<size_t>(length);
    pixels.assign(size, 128);
  }
  dr_tensor_t tensor() {
    return {pixels.data(),  kCpuDevice, static_cast<int32_t>(shape.size()), kUint8, shape.data(),
            strides.data(), 0};
  }
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  std::vector<uint8_t> pixels;
};

TEST(PreviewTest, EachNumberOfChannelsBecomesAJpeg) {
  for (const int64_t channels : {1, 2, 3, 4}) {
    Picture picture({30, 50, channels});
    EXPECT_TRUE(CheckPreview(picture.tensor()).ok());
    const Buffer jpeg = EncodePreview(picture.tensor());
    const Result<ImageInfo> info = ProbeImage(jpeg.bytes());
    ASSERT_TRUE(info.ok()) << info.status().ToString();
    EXPECT_EQ(info->format, ImageFormat::kJpeg);
    EXPECT_EQ(info->width, 50U);
    EXPECT_EQ(info->height, 30U);
    EXPECT_EQ(info->channels, channels < 3 ? 1U : 3U);
  }
}

TEST(PreviewTest, StridesAreFollowed) {
  // Planes behind one another, as networks have them: the first is red.
  Picture picture({16, 16, 3});
  picture.strides = {16, 1, 256};
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = i < 256 ? 240 : 10;
  const Result<Image> decoded = DecodeImage(EncodePreview(picture.tensor()).bytes(), {});
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  for (size_t i = 0; i < 256; ++i) {
    ASSERT_GT(std::to_integer<int>(decoded->pixels.data()[3 * i]), 200) << i;
    ASSERT_LT(std::to_integer<int>(decoded->pixels.data()[3 * i + 2]), 50) << i;
  }
}

TEST(PreviewTest, TheLargestFitsHoweverMuchThereIsToSee) {
  Picture picture({DR_PREVIEW_MAX_SIDE, DR_PREVIEW_MAX_SIDE, 3});
  for (const uint32_t noise : {1U, 48U, 256U}) {  // on a gradient, which the last leaves nothing of
    std::mt19937 random(1);
    for (size_t i = 0; i < picture.pixels.size(); ++i) {
      const size_t gradient = i * (256 - noise) / picture.pixels.size();
      picture.pixels[i] = static_cast<uint8_t>(gradient + random() % noise);
    }
    const Buffer jpeg = EncodePreview(picture.tensor());
    EXPECT_GT(jpeg.size(), 0U) << noise;
    EXPECT_LE(jpeg.size(), kMostPreviewBytes) << noise;
  }
}

std::string Refusal(const dr_tensor_t& picture) {
  const Status status = CheckPreview(picture);
  EXPECT_EQ(status.code(), Code::kInternal) << "it was taken";
  return status.message();
}

TEST(PreviewTest, WhatIsNoPictureIsRefused) {
  Picture picture({8, 8, 3});
  dr_tensor_t wrong = picture.tensor();
  wrong.device = {DR_DEVICE_CUDA, 0};
  EXPECT_THAT(Refusal(wrong), HasSubstr("device type 2, it must be on the CPU"));
  wrong.device = {DR_DEVICE_CUDA_HOST, 0};  // which the CPU reads
  EXPECT_TRUE(CheckPreview(wrong).ok());
  wrong = picture.tensor();
  wrong.dtype = {DR_DTYPE_FLOAT, 32, 1};
  EXPECT_THAT(Refusal(wrong), HasSubstr("of float32, it must be uint8"));
  wrong.dtype = {77, 8, 1};
  EXPECT_THAT(Refusal(wrong), HasSubstr("of an unknown dtype"));
  for (const auto spoil : {+[](dr_tensor_t* tensor) { tensor->data = nullptr; },
                           +[](dr_tensor_t* tensor) { tensor->shape = nullptr; },
                           +[](dr_tensor_t* tensor) { tensor->strides = nullptr; },
                           +[](dr_tensor_t* tensor) { tensor->ndim = 2; }}) {
    wrong = picture.tensor();
    spoil(&wrong);
    EXPECT_THAT(Refusal(wrong), HasSubstr("not a tensor of height x width x channels"));
  }
}

TEST(PreviewTest, WhatIsTooLargeIsRefused) {
  constexpr int64_t kMost = DR_PREVIEW_MAX_SIDE;
  for (const auto& shape : std::vector<std::vector<int64_t>>{{0, 8, 3},
                                                             {8, 0, 3},
                                                             {-1, 8, 3},
                                                             {kMost + 1, 8, 3},
                                                             {8, kMost + 1, 3},
                                                             {8, 8, 0},
                                                             {8, 8, 5},
                                                             {INT64_MAX, INT64_MAX, INT64_MAX}}) {
    Picture picture({8, 8, 3});
    picture.shape = shape;
    EXPECT_THAT(Refusal(picture.tensor()), HasSubstr("512 pixels a side at most"));
  }
  Picture picture({kMost, 1, 1});
  EXPECT_TRUE(CheckPreview(picture.tensor()).ok());
}

}  // namespace
}  // namespace darkroom::host
