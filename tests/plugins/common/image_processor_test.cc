// SPDX-License-Identifier: Apache-2.0
//
// The exact values are held against transformers and Pillow by test_image_parity.py; here are the
// sizes, the edges and what is refused.

#include "common/image/image_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

#include "common/image/rgb.h"

namespace darkroom {
namespace {

using testing::HasSubstr;

ImageProcessing Read(const std::string& text, const std::string& otherwise = "CLIP") {
  return ReadImageProcessing(JsonConfig::Parse(text, "preprocessor_config.json"), otherwise);
}

std::string Refusal(const std::string& text) {
  try {
    Read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
    return error.what();
  }
  return "no error";
}

TEST(ImageProcessingTest, WhatIsNotSaidIsTheProcessorsDefault) {
  const ImageProcessing clip = Read("{}");
  EXPECT_EQ(clip.shortest_edge, 224);
  EXPECT_EQ(clip.crop, (ImageSize{224, 224}));
  EXPECT_EQ(clip.mean[0], 0.48145466);
  const ImageProcessing vit = Read(R"({"image_processor_type": "ViTImageProcessorFast"})");
  EXPECT_EQ(vit.size, (ImageSize{224, 224}));
  EXPECT_EQ(vit.filter, Filter::kBilinear);
  EXPECT_FALSE(vit.crop.has_value());
  EXPECT_EQ(Read("{}", "Blip").size, (ImageSize{384, 384}));
}

TEST(ImageProcessingTest, SizesComeInAllTheirForms) {
  EXPECT_EQ(Read(R"({"size": 336, "crop_size": 336})").shortest_edge, 336);
  EXPECT_EQ(Read(R"({"size": 336, "crop_size": 336})").crop, (ImageSize{336, 336}));
  EXPECT_EQ(Read(R"({"size": {"shortest_edge": 30}})").shortest_edge, 30);
  EXPECT_EQ(Read(R"({"size": {"height": 8, "width": 9}})").size, (ImageSize{8, 9}));
  EXPECT_EQ(Read(R"({"size": 20})", "ViT").size, (ImageSize{20, 20}));
  EXPECT_FALSE(Read(R"({"do_resize": false})").shortest_edge.has_value());
  EXPECT_FALSE(Read(R"({"do_center_crop": false})").crop.has_value());
  EXPECT_FALSE(Read(R"({"do_rescale": false})").rescale_factor.has_value());
}

TEST(ImageProcessingTest, WhatIsNotImplementedIsNamed) {
  EXPECT_THAT(Refusal(R"({"size": {"longest_edge": 30}})"), HasSubstr("size.height"));
  EXPECT_THAT(Refusal(R"({"resample": 0})"), HasSubstr("resample is 0"));
  EXPECT_THAT(Refusal(R"({"do_pad": true})"), HasSubstr("do_pad"));
  EXPECT_THAT(Refusal(R"({"do_thumbnail": true})"), HasSubstr("do_thumbnail (true)"));
  EXPECT_THAT(Refusal(R"({"image_processor_type": "DonutImageProcessor"})"), HasSubstr("Donut"));
  EXPECT_THAT(Refusal(R"({"image_mean": [0.5]})"), HasSubstr("three numbers"));
}

ImageProcessing Plain() {
  ImageProcessing plain;
  plain.normalize = false;
  plain.rescale_factor.reset();
  return plain;
}

at::Tensor Numbered(int64_t height, int64_t width, int64_t channels) {
  return at::arange(height * width * channels).to(at::kByte).reshape({height, width, channels});
}

TEST(ImageProcessorTest, TheShorterEdgeDecides) {
  ImageProcessing processing = Plain();
  processing.shortest_edge = 10;
  const ImageProcessor processor(processing);
  EXPECT_EQ(processor.OutputSize({20, 30}), (ImageSize{10, 15}));
  EXPECT_EQ(processor.OutputSize({33, 20}), (ImageSize{16, 10}));
  EXPECT_EQ(processor(Numbered(4, 3, 3)).sizes(), (at::IntArrayRef{3, 13, 10}));
}

TEST(ImageProcessorTest, CropsAtTheCentre) {
  ImageProcessing processing = Plain();
  processing.crop = ImageSize{2, 3};
  const at::Tensor picture = Numbered(5, 6, 3);
  const at::Tensor expected = picture.slice(0, 1, 3).slice(1, 1, 4).permute({2, 0, 1});
  EXPECT_TRUE(ImageProcessor(processing)(picture).equal(expected.to(at::kFloat)));
}

TEST(ImageProcessorTest, BeyondThePictureIsBlack) {
  ImageProcessing processing = Plain();
  processing.crop = ImageSize{5, 3};
  const at::Tensor out = ImageProcessor(processing)(at::full({2, 4, 3}, 7, at::kByte));
  EXPECT_EQ(out.sum().item<float>(), 7 * 2 * 3 * 3);
  EXPECT_EQ(out[0][1][0].item<float>(), 0);
  EXPECT_EQ(out[0][2][0].item<float>(), 7);
  EXPECT_EQ(out[2][3][2].item<float>(), 7);
}

TEST(ImageProcessorTest, ACropIsThatOfTheWholeResized) {
  ImageProcessing processing = Plain();
  processing.shortest_edge = 16;
  const at::Tensor picture = at::randint(256, {37, 90, 3}, at::kByte);
  const at::Tensor whole = ImageProcessor(processing)(picture);
  ASSERT_EQ(whole.size(2), 38);
  processing.crop = ImageSize{10, 12};
  const at::Tensor crop = ImageProcessor(processing)(picture);
  EXPECT_TRUE(crop.equal(whole.slice(1, 3, 13).slice(2, 13, 25)));
}

TEST(ImageProcessorTest, RescalesAndNormalises) {
  ImageProcessing processing;
  processing.mean = {0.25, 0.5, 0.75};
  processing.deviation = {0.5, 0.25, 0.125};
  const at::Tensor out = ImageProcessor(processing)(at::full({1, 1, 3}, 255, at::kByte));
  EXPECT_FLOAT_EQ(out[0].item<float>(), 1.5F);
  EXPECT_FLOAT_EQ(out[1].item<float>(), 2.0F);
  EXPECT_FLOAT_EQ(out[2].item<float>(), 2.0F);
}

TEST(ImageProcessorTest, RefusesWhatIsNoPicture) {
  const ImageProcessor processor(Plain());
  EXPECT_THROW(processor(at::zeros({4, 4, 5}, at::kByte)), Error);
  EXPECT_THROW(processor(at::zeros({4, 4, 3}, at::kFloat)), Error);
  EXPECT_THROW(processor(at::zeros({0, 4, 3}, at::kByte)), Error);
  ImageProcessing none = Plain();
  none.size = ImageSize{0, 4};
  EXPECT_THROW(ImageProcessor{none}, Error);
}

TEST(RgbTest, GreyIsRepeatedAndAlphaLiesOverWhite) {
  uint8_t rgb[6];
  const uint8_t grey[] = {7, 9};
  ToRgb(grey, 2, 1, rgb);
  EXPECT_THAT(rgb, testing::ElementsAre(7, 7, 7, 9, 9, 9));
  const uint8_t colors[] = {10, 20, 30, 255, 10, 20, 30, 0};
  ToRgb(colors, 2, 4, rgb);
  EXPECT_THAT(rgb, testing::ElementsAre(10, 20, 30, 255, 255, 255));
  const uint8_t half[] = {0, 128, 100, 51};
  ToRgb(half, 2, 2, rgb);
  EXPECT_THAT(rgb, testing::ElementsAre(127, 127, 127, 224, 224, 224));
}

}  // namespace
}  // namespace darkroom
