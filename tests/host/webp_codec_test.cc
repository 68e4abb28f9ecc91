// SPDX-License-Identifier: Apache-2.0

#include "host/webp_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "host/image_probe.h"
#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

std::string Encoded(const Image& image, int quality = 100) {
  return ToString(*EncodeWebp(image.view(), quality));
}

// What WebP makes of 1 or 2 channels: RGB or RGBA.
std::string Coloured(const Image& image) {
  if (image.channels >= 3) return ToString(image.pixels);
  std::string pixels;
  for (size_t i = 0; i < image.pixels.size(); i += image.channels) {
    const char grey = static_cast<char>(image.pixels.data()[i]);
    pixels += std::string(3, grey);
    if (image.channels == 2) pixels += static_cast<char>(image.pixels.data()[i + 1]);
  }
  return pixels;
}

TEST(WebpCodec, LosslessRoundTripIsExact) {
  for (uint32_t channels = 1; channels <= 4; ++channels) {
    for (const auto& [width, height] : {std::pair{1U, 1U}, {1U, 9U}, {9U, 1U}, {61U, 47U}}) {
      const Image image = MakePicture(width, height, channels);
      const Result<Buffer> webp = EncodeWebp(image.view(), 100);
      ASSERT_TRUE(webp.ok()) << webp.status().ToString();
      const Result<Image> back = DecodeWebp(webp->bytes(), {});
      ASSERT_TRUE(back.ok()) << back.status().ToString();
      EXPECT_EQ(back->width, width);
      EXPECT_EQ(back->height, height);
      EXPECT_EQ(back->channels, channels % 2 == 0 ? 4U : 3U);
      EXPECT_EQ(ToString(back->pixels), Coloured(image)) << channels;
    }
  }
}

TEST(WebpCodec, LossyKeepsSizesAndAlpha) {
  for (const uint32_t channels : {3U, 4U}) {
    Image image = MakeImage(40, 30, channels);
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels.data()[i] = static_cast<std::byte>(i % channels * 60 + 20);
    }
    const Result<Image> back = DecodeWebp(AsBytes(Encoded(image, 90)), {});
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    ASSERT_EQ(back->channels, channels);
    for (size_t c = 0; c < channels; ++c) {
      EXPECT_NEAR(std::to_integer<int>(back->row(15)[20 * channels + c]),
                  static_cast<int>(c) * 60 + 20, c == 3 ? 0 : 4);
    }
  }
}

TEST(WebpCodec, QualityChoosesSize) {
  const Image image = MakePicture(64, 64, 3);
  EXPECT_LT(Encoded(image, 10).size(), Encoded(image, 80).size());
  EXPECT_EQ(Encoded(image, 0), Encoded(image, 1));
  EXPECT_EQ(Encoded(image, 1000), Encoded(image, 100));
}

// The profile's container is our own work: with and without alpha, lossy and lossless, odd and even
// lengths.
TEST(WebpCodec, CarriesFittingProfiles) {
  for (const uint32_t channels : {3U, 4U}) {
    for (const int quality : {80, 100}) {
      for (const size_t size : {size_t{200}, size_t{201}, size_t{70'001}}) {
        Image image = MakePicture(33, 21, channels);
        const std::string plain = Encoded(image, quality);
        const std::string icc = MakeIcc("RGB ", size);
        image.icc = Buffer::Copy(AsBytes(icc));
        const std::string webp = Encoded(image, quality);
        const Result<Image> back = DecodeWebp(AsBytes(webp), {});
        ASSERT_TRUE(back.ok()) << back.status().ToString();
        EXPECT_EQ(ToString(back->icc), icc);
        EXPECT_EQ(back->channels, channels);
        EXPECT_EQ(ToString(back->pixels), ToString(DecodeWebp(AsBytes(plain), {})->pixels));
        EXPECT_EQ(webp.substr(4, 4), LittleEndian(static_cast<uint32_t>(webp.size() - 8), 4));
        EXPECT_EQ(ProbeImage(AsBytes(webp))->width, 33U);
      }
    }
  }
  Image grey = MakePicture(8, 8, 1);
  grey.icc = Buffer::Copy(AsBytes(MakeIcc("GRAY")));
  EXPECT_TRUE(DecodeWebp(AsBytes(Encoded(grey)), {})->icc.empty());
}

TEST(WebpCodec, RefusesEveryCutFile) {
  const Image image = MakePicture(24, 16, 4);
  for (const int quality : {80, 100}) {
    const std::string webp = Encoded(image, quality);
    for (size_t size = 0; size < webp.size(); ++size) {
      const Result<Image> cut = DecodeWebp(AsBytes(webp.substr(0, size)), {});
      ASSERT_FALSE(cut.ok()) << size << " of " << webp.size();
      EXPECT_EQ(cut.status().code(), Code::kInvalidArgument);
    }
  }
}

// A lossless file of a few bytes that claims the largest size there is: 268 million pixels.
TEST(WebpCodec, ChecksTheSizeBeforeAnythingElse) {
  const std::string webp =
      WebpFile(RiffChunk("VP8L", "\x2f" + LittleEndian(0x3FFF | 0x3FFF << 14, 4) + "abcdefgh"));
  const Result<Image> refused = DecodeWebp(AsBytes(webp), {});
  EXPECT_EQ(refused.status().code(), Code::kTooLarge);
  EXPECT_THAT(refused.status().message(), HasSubstr("16384 x 16384"));
  const ImageLimits limits{.max_pixels = 99, .max_input_bytes = 1000};
  EXPECT_EQ(DecodeWebp(AsBytes(Encoded(MakePicture(10, 10, 3))), limits).status().code(),
            Code::kTooLarge);
  EXPECT_TRUE(DecodeWebp(AsBytes(Encoded(MakePicture(11, 9, 3))), limits).ok());
}

TEST(WebpCodec, RefusesAContainerThatContradictsItsFrame) {
  const std::string inner = Encoded(MakePicture(20, 10, 3));
  const std::string lying = WebpFile(Vp8x(0, 10, 10) + std::string(WebpChunks(inner)));
  EXPECT_EQ(DecodeWebp(AsBytes(lying), {}).status().code(), Code::kInvalidArgument);
}

// ANMF := u24=x/2 u24=y/2 u24=width-1 u24=height-1 u24=milliseconds u8=flags chunks
std::string AnimationFrame(const Image& image, uint32_t x, uint32_t y) {
  return RiffChunk("ANMF", LittleEndian(x / 2, 3) + LittleEndian(y / 2, 3) +
                               LittleEndian(image.width - 1, 3) +
                               LittleEndian(image.height - 1, 3) + LittleEndian(100, 3) +
                               std::string(1, '\0') + std::string(WebpChunks(Encoded(image))));
}

TEST(WebpCodec, ReadsTheFirstFrameOfAnAnimation) {
  const Image first = MakePicture(10, 8, 3);
  const std::string control = RiffChunk("ANIM", std::string(6, '\0'));
  const std::string frames =
      AnimationFrame(first, 0, 0) + AnimationFrame(MakePicture(4, 4, 3), 2, 2);
  const std::string animation = WebpFile(Vp8x(2, 10, 8) + control + frames);
  EXPECT_EQ(ProbeImage(AsBytes(animation))->frames, 2U);
  const Result<Image> image = DecodeWebp(AsBytes(animation), {});
  ASSERT_TRUE(image.ok()) << image.status().ToString();
  EXPECT_EQ(image->channels, 3U);
  EXPECT_EQ(ToString(image->pixels), ToString(first.pixels));
}

TEST(WebpCodec, LaysASmallFirstFrameOnItsCanvas) {
  const Image first = MakePicture(4, 2, 3);
  const std::string animation = WebpFile(
      Vp8x(2 | 16, 8, 6) + RiffChunk("ANIM", std::string(6, '\0')) + AnimationFrame(first, 2, 4));
  const Result<Image> image = DecodeWebp(AsBytes(animation), {});
  ASSERT_TRUE(image.ok()) << image.status().ToString();
  ASSERT_EQ(image->channels, 4U);
  for (uint32_t y = 0; y < 6; ++y) {
    for (uint32_t x = 0; x < 8; ++x) {
      const std::string_view pixel =
          AsText(image->view().pixels.subspan((y * size_t{8} + x) * 4, 4));
      const bool inside = x >= 2 && x < 6 && y >= 4;
      if (!inside) {
        EXPECT_EQ(pixel, std::string_view("\0\0\0\0", 4));
        continue;
      }
      EXPECT_EQ(pixel.substr(0, 3),
                AsText(first.view().pixels.subspan(((y - 4) * size_t{4} + x - 2) * 3, 3)));
      EXPECT_EQ(pixel[3], '\xff');
    }
  }
}

TEST(WebpCodec, RefusesAFrameBesideItsCanvas) {
  const std::string animation = WebpFile(Vp8x(2, 8, 6) + RiffChunk("ANIM", std::string(6, '\0')) +
                                         AnimationFrame(MakePicture(8, 6, 3), 2, 0));
  EXPECT_EQ(DecodeWebp(AsBytes(animation), {}).status().code(), Code::kInvalidArgument);
}

TEST(WebpCodec, RefusesSidesBeyondTheFormat) {
  const Image tall = MakePicture(1, 16384, 3);
  const Result<Buffer> webp = EncodeWebp(tall.view(), 90);
  EXPECT_EQ(webp.status().code(), Code::kTooLarge);
  EXPECT_THAT(webp.status().message(), HasSubstr("16383"));
  EXPECT_FALSE(webp.status().hint().empty());
}

}  // namespace
}  // namespace darkroom::host
