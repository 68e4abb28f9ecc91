// SPDX-License-Identifier: Apache-2.0

#include "host/decode_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "host/jpeg_codec.h"
#include "host/orient.h"
#include "host/png_codec.h"
#include "host/webp_codec.h"
#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

const std::string kExifPrefix("Exif\0\0", 6);

TEST(DecodeImage, TurnsPicturesUpright) {
  const Image picture = MakePicture(20, 12, 3);
  const std::string png = ToString(*EncodePng(picture.view()));
  const std::string webp = ToString(*EncodeWebp(picture.view(), 100));
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image expected = ApplyOrientation(MakePicture(20, 12, 3), orientation);
    for (const std::string& bytes : {PngWith(png, PngChunkBytes("eXIf", MakeExif(orientation))),
                                     WebpFile(Vp8x(8, 20, 12) + std::string(WebpChunks(webp)) +
                                              RiffChunk("EXIF", MakeExif(orientation)))}) {
      const Result<Image> image = DecodeImage(AsBytes(bytes), {});
      ASSERT_TRUE(image.ok()) << image.status().ToString();
      EXPECT_EQ(image->width, expected.width);
      EXPECT_EQ(image->height, expected.height);
      EXPECT_EQ(ToString(image->pixels), ToString(expected.pixels)) << orientation;
    }
  }
}

TEST(DecodeImage, TurnsJpegUpright) {
  const std::string jpeg = ToString(*EncodeJpeg(MakePicture(20, 12, 3).view(), 95));
  const Result<Image> stored = DecodeImage(AsBytes(jpeg), {});
  ASSERT_TRUE(stored.ok());
  const Result<Image> turned =
      DecodeImage(AsBytes(JpegWith(jpeg, 0xE1, kExifPrefix + MakeExif(6, true))), {});
  ASSERT_TRUE(turned.ok());
  EXPECT_EQ(turned->width, 12U);
  EXPECT_EQ(turned->height, 20U);
  // Turned right, the bottom left corner comes to the top left.
  EXPECT_EQ(AsText(turned->pixels.bytes().first(3)),
            AsText(stored->pixels.bytes().subspan(size_t{11} * 20 * 3, 3)));
}

TEST(DecodeImage, KeepsTheColourProfileOfATurnedImage) {
  Image picture = MakePicture(20, 12, 3);
  picture.icc = Buffer::Copy(AsBytes(MakeIcc("RGB ")));
  const std::string jpeg = ToString(*EncodeJpeg(picture.view(), 95));
  const Result<Image> image =
      DecodeImage(AsBytes(JpegWith(jpeg, 0xE1, kExifPrefix + MakeExif(5))), {});
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(ToString(image->icc), MakeIcc("RGB "));
}

TEST(DecodeImage, RefusesEmptyAndOversizedInputs) {
  EXPECT_EQ(DecodeImage({}, {}).status().code(), Code::kInvalidArgument);
  const std::string png = ToString(*EncodePng(MakePicture(20, 12, 3).view()));
  const ImageLimits limits{.max_pixels = 1000, .max_input_bytes = png.size() - 1};
  EXPECT_EQ(DecodeImage(AsBytes(png), limits).status().code(), Code::kTooLarge);
}

TEST(DecodeImage, RefusesBytesThatAreNoImage) {
  const Result<Image> text = DecodeImage(AsBytes(std::string_view("not a photograph")), {});
  EXPECT_EQ(text.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(text.status().message(), HasSubstr("text"));
}

// Small files with large claims: each is too_large by its header and never reaches a decoder.
TEST(DecodeImage, RefusesBombsByTheirHeader) {
  std::string jpeg = ToString(*EncodeJpeg(MakePicture(8, 8, 3).view(), 90));
  jpeg.replace(jpeg.find("\xff\xc0") + 5, 4, BigEndian(65535, 2) + BigEndian(65535, 2));
  const std::vector<std::string> bombs = {
      jpeg,
      PngFile({PngHeader(0x7FFFFFFF, 0x7FFFFFFF, 16, 6)}),
      PngFile({PngHeader(0xFFFFFFFF, 0xFFFFFFFF, 8, 0)}),
      PngFile({PngHeader(30000, 30000, 8, 2)}),
      WebpFile(RiffChunk("VP8L", "\x2f" + LittleEndian(0x3FFF | 0x3FFF << 14, 4))),
      WebpFile(Vp8x(0, 1U << 24, 1U << 24))};
  for (const std::string& bomb : bombs) {
    const Result<Image> image = DecodeImage(AsBytes(bomb), {});
    ASSERT_FALSE(image.ok());
    EXPECT_EQ(image.status().code(), Code::kTooLarge) << image.status().ToString();
  }
}

TEST(DecodeImage, RefusesEveryCutFile) {
  const Image picture = MakePicture(16, 12, 3);
  for (const std::string& bytes :
       {ToString(*EncodePng(picture.view())), ToString(*EncodeJpeg(picture.view(), 90)),
        ToString(*EncodeWebp(picture.view(), 90))}) {
    ASSERT_TRUE(DecodeImage(AsBytes(bytes), {}).ok());
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Result<Image> cut = DecodeImage(AsBytes(bytes.substr(0, size)), {});
      ASSERT_FALSE(cut.ok()) << size << " of " << bytes.size();
      EXPECT_EQ(cut.status().code(), Code::kInvalidArgument) << cut.status().ToString();
      EXPECT_FALSE(cut.status().hint().empty());
    }
  }
}

}  // namespace
}  // namespace darkroom::host
