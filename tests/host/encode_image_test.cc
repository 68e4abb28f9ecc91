// SPDX-License-Identifier: Apache-2.0

#include "host/encode_image.h"

#include <gtest/gtest.h>

#include <string>

#include "host/decode_image.h"
#include "host/image_probe.h"
#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using Form = OutputForm::Image;

TEST(EncodeImage, EachFormGivesItsFormat) {
  const Image image = MakePicture(20, 10, 3);
  const struct {
    Form form;
    ImageFormat format;
    std::string_view content_type;
  } kCases[] = {{Form::kNatural, ImageFormat::kPng, "image/png"},
                {Form::kPng, ImageFormat::kPng, "image/png"},
                {Form::kJpeg, ImageFormat::kJpeg, "image/jpeg"},
                {Form::kWebp, ImageFormat::kWebp, "image/webp"}};
  for (const auto& expected : kCases) {
    const Result<EncodedImage> encoded = EncodeImage(image.view(), {expected.form, 90});
    ASSERT_TRUE(encoded.ok()) << encoded.status().ToString();
    EXPECT_EQ(encoded->format, expected.format);
    EXPECT_EQ(ContentType(encoded->format), expected.content_type);
    EXPECT_EQ(ProbeImage(encoded->bytes.bytes())->format, expected.format);
  }
}

TEST(EncodeImage, EachFormTakesOneToFourChannels) {
  const uint32_t kChannels[][5] = {{0, 1, 2, 3, 4}, {0, 1, 1, 3, 3}, {0, 3, 4, 3, 4}};
  const Form kForms[] = {Form::kPng, Form::kJpeg, Form::kWebp};
  for (size_t form = 0; form < 3; ++form) {
    for (uint32_t channels = 1; channels <= 4; ++channels) {
      const Result<EncodedImage> encoded =
          EncodeImage(MakePicture(20, 10, channels).view(), {kForms[form], 90});
      ASSERT_TRUE(encoded.ok()) << encoded.status().ToString();
      const Result<Image> back = DecodeImage(encoded->bytes.bytes(), {});
      ASSERT_TRUE(back.ok()) << back.status().ToString();
      EXPECT_EQ(back->width, 20U);
      EXPECT_EQ(back->height, 10U);
      EXPECT_EQ(back->channels, kChannels[form][channels]);
    }
  }
}

TEST(EncodeImage, ProfilesGoFromInputToOutputInEveryFormat) {
  Image image = MakePicture(20, 10, 3);
  image.icc = Buffer::Copy(AsBytes(MakeIcc("RGB ")));
  for (const Form form : {Form::kPng, Form::kJpeg, Form::kWebp}) {
    const Result<EncodedImage> encoded = EncodeImage(image.view(), {form, 90});
    ASSERT_TRUE(encoded.ok());
    EXPECT_EQ(ToString(DecodeImage(encoded->bytes.bytes(), {})->icc), MakeIcc("RGB "));
  }
}

TEST(EncodeImage, ASideTooLongForTheFormatIsTooLarge) {
  const Image wide = MakePicture(70'000, 1, 3);
  EXPECT_EQ(EncodeImage(wide.view(), {Form::kWebp, 90}).status().code(), Code::kTooLarge);
  EXPECT_EQ(EncodeImage(wide.view(), {Form::kJpeg, 90}).status().code(), Code::kTooLarge);
  EXPECT_TRUE(EncodeImage(wide.view(), {Form::kPng, 90}).ok());
}

TEST(EncodeImage, RefusesPixelsThatDoNotFitTheirSizes) {
  const Image image = MakePicture(20, 10, 3);
  ImageView view = image.view();
  view.pixels = view.pixels.first(view.pixels.size() - 1);
  for (const Form form : {Form::kPng, Form::kJpeg, Form::kWebp}) {
    EXPECT_EQ(EncodeImage(view, {form, 90}).status().code(), Code::kInternal);
  }
}

}  // namespace
}  // namespace darkroom::host
