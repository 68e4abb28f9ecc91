// SPDX-License-Identifier: Apache-2.0

#include "host/png_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

std::string Encoded(uint32_t width, uint32_t height, uint32_t channels) {
  return ToString(*EncodePng(MakePicture(width, height, channels).view()));
}

// A file of one row whose samples are `row`.
std::string OneRow(uint32_t width, int bits, int colour, std::string_view row,
                   const std::string& before = "") {
  return PngFile({PngHeader(width, 1, bits, colour) + before,
                  PngChunkBytes("IDAT", Deflate(std::string(1, '\0') + std::string(row))),
                  PngChunkBytes("IEND", "")});
}

std::string Pixels(std::string_view png, uint32_t channels) {
  const Result<Image> image = DecodePng(AsBytes(png), {});
  if (!image.ok()) return image.status().ToString();
  EXPECT_EQ(image->channels, channels);
  return ToString(image->pixels);
}

TEST(PngCodec, RoundTripIsExact) {
  for (uint32_t channels = 1; channels <= 4; ++channels) {
    for (const auto& [width, height] : {std::pair{1U, 1U}, {1U, 9U}, {9U, 1U}, {61U, 47U}}) {
      const Image image = MakePicture(width, height, channels);
      const Result<Buffer> png = EncodePng(image.view());
      ASSERT_TRUE(png.ok()) << png.status().ToString();
      const Result<Image> back = DecodePng(png->bytes(), {});
      ASSERT_TRUE(back.ok()) << back.status().ToString();
      EXPECT_EQ(back->width, width);
      EXPECT_EQ(back->height, height);
      EXPECT_EQ(back->channels, channels);
      EXPECT_EQ(ToString(back->pixels), ToString(image.pixels));
      EXPECT_TRUE(back->icc.empty());
    }
  }
}

TEST(PngCodec, CarriesFittingProfilesOnly) {
  for (uint32_t channels = 1; channels <= 4; ++channels) {
    for (const std::string_view space : {"GRAY", "RGB ", "CMYK"}) {
      Image image = MakePicture(3, 3, channels);
      const std::string icc = MakeIcc(space);
      image.icc = Buffer::Copy(AsBytes(icc));
      const Result<Image> back = DecodePng(EncodePng(image.view())->bytes(), {});
      ASSERT_TRUE(back.ok());
      const bool fits = space == (channels <= 2 ? "GRAY" : "RGB ");
      EXPECT_EQ(ToString(back->icc), fits ? icc : "") << space << channels;
    }
  }
}

TEST(PngCodec, LeavesOutProfilesOfAnotherColourModel) {
  const std::string grey_profile =
      PngChunkBytes("iCCP", std::string("x\0\0", 3) + Deflate(MakeIcc("GRAY")));
  const std::string png = PngWith(Encoded(4, 4, 3), grey_profile);
  const Result<Image> image = DecodePng(AsBytes(png), {});
  ASSERT_TRUE(image.ok());
  EXPECT_TRUE(image->icc.empty());
}

TEST(PngCodec, SpreadsSmallSamplesOverTheWholeRange) {
  EXPECT_EQ(Pixels(OneRow(8, 1, 0, "\xA5"), 1), std::string("\xff\x00\xff\x00\x00\xff\x00\xff", 8));
  EXPECT_EQ(Pixels(OneRow(4, 2, 0, "\x1B"), 1), std::string("\x00\x55\xaa\xff", 4));
  EXPECT_EQ(Pixels(OneRow(2, 4, 0, "\x0F"), 1), std::string("\x00\xff", 2));
}

TEST(PngCodec, ReadsPalettesWithAndWithoutTransparency) {
  const std::string palette = PngChunkBytes("PLTE", "abcdef");
  EXPECT_EQ(Pixels(OneRow(2, 8, 3, std::string("\1\0", 2), palette), 3), "defabc");
  const std::string transparency = PngChunkBytes("tRNS", "\x40");
  EXPECT_EQ(Pixels(OneRow(2, 8, 3, std::string("\1\0", 2), palette + transparency), 4),
            "def\xff"
            "abc\x40");
}

TEST(PngCodec, MakesAlphaOfATransparentColour) {
  const std::string grey = PngChunkBytes("tRNS", std::string("\0b", 2));
  EXPECT_EQ(Pixels(OneRow(3, 8, 0, "abc", grey), 2), std::string("a\xff"
                                                                 "b\0"
                                                                 "c\xff",
                                                                 6));
  const std::string colour = PngChunkBytes("tRNS", std::string("\0d\0e\0f", 6));
  EXPECT_EQ(Pixels(OneRow(2, 8, 2, "abcdef", colour), 4), std::string("abc\xff"
                                                                      "def\0",
                                                                      8));
}

// The transparent colour is compared before 16 bits become 8: 0x6162 is it, 0x6163 is not.
TEST(PngCodec, ComparesTransparentColoursInAllTheirBits) {
  const std::string grey = PngChunkBytes("tRNS", "ab");
  EXPECT_EQ(Pixels(OneRow(2, 16, 0, "abac", grey), 2), std::string("a\0"
                                                                   "a\xff",
                                                                   4));
  const std::string colour = PngChunkBytes("tRNS", "ababab");
  EXPECT_EQ(Pixels(OneRow(2, 16, 2, "abababababac", colour), 4), std::string("aaa\0"
                                                                             "aaa\xff",
                                                                             8));
}

// All 65536 values against the definition: the nearest multiple of 257.
TEST(PngCodec, RoundsEvery16BitSample) {
  std::string samples;
  std::string expected;
  for (uint32_t value = 0; value < 65536; ++value) {
    samples += BigEndian(value, 2);
    expected += static_cast<char>((value + 128) / 257);
  }
  EXPECT_EQ(Pixels(OneRow(65536, 16, 0, samples), 1), expected);
}

TEST(PngCodec, ChecksTheSizeBeforeAnythingElse) {
  // No data at all behind the header, so that only the header can be the reason.
  const std::string huge = PngFile({PngHeader(0x7FFFFFFF, 0x7FFFFFFF, 16, 6)});
  const Result<Image> refused = DecodePng(AsBytes(huge), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kTooLarge);
  const std::string large = PngFile({PngHeader(30'000, 30'000, 8, 2)});
  const Result<Image> also = DecodePng(AsBytes(large), {});
  EXPECT_EQ(also.status().code(), Code::kTooLarge);
  EXPECT_THAT(also.status().message(), HasSubstr("30000 x 30000"));
  const ImageLimits limits{.max_pixels = 99, .max_input_bytes = 1000};
  EXPECT_EQ(DecodePng(AsBytes(Encoded(10, 10, 1)), limits).status().code(), Code::kTooLarge);
  EXPECT_TRUE(DecodePng(AsBytes(Encoded(11, 9, 1)), limits).ok());
}

TEST(PngCodec, RefusesSidesOfZero) {
  for (const auto& [width, height] : {std::pair{0U, 1U}, {1U, 0U}, {0U, 0U}}) {
    const std::string png =
        PngFile({PngHeader(width, height, 8, 0), PngChunkBytes("IDAT", Deflate("ab")),
                 PngChunkBytes("IEND", "")});
    EXPECT_EQ(DecodePng(AsBytes(png), {}).status().code(), Code::kInvalidArgument);
  }
}

TEST(PngCodec, RefusesEveryCutFile) {
  const std::string png = Encoded(13, 7, 3);
  for (size_t size = 0; size < png.size(); ++size) {
    const Result<Image> image = DecodePng(AsBytes(png.substr(0, size)), {});
    ASSERT_FALSE(image.ok()) << size << " of " << png.size();
    EXPECT_EQ(image.status().code(), Code::kInvalidArgument) << size;
  }
}

TEST(PngCodec, RefusesAFileThatEndsBeforeItsLastRow) {
  const std::string png =
      PngFile({PngHeader(2, 2, 8, 0), PngChunkBytes("IDAT", Deflate(std::string("\0ab", 3))),
               PngChunkBytes("IEND", "")});
  const Result<Image> image = DecodePng(AsBytes(png), {});
  EXPECT_EQ(image.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(image.status().message(), HasSubstr("cut"));
}

// Every chunk is covered by a checksum: no single bit may be lost unnoticed, be it in a chunk that
// is only left out.
TEST(PngCodec, RefusesEveryFlippedBit) {
  const std::string png =
      PngWith(OneRow(3, 8, 0, "abc", PngChunkBytes("tRNS", std::string("\0b", 2))),
              PngChunkBytes("tEXt", "Comment"));
  ASSERT_TRUE(DecodePng(AsBytes(png), {}).ok());
  for (size_t bit = 0; bit < png.size() * 8; ++bit) {
    std::string damaged = png;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(DecodePng(AsBytes(damaged), {}).ok()) << "byte " << bit / 8;
  }
}

TEST(PngCodec, NeverUnpacksText) {
  const std::string bomb =
      PngChunkBytes("zTXt", std::string("k\0\0", 3) + Deflate(std::string(30'000'000, 'A')));
  EXPECT_TRUE(DecodePng(AsBytes(PngWith(Encoded(1, 1, 3), bomb)), {}).ok());
}

TEST(PngCodec, RefusesProfilesThatUnpackToTooMuch) {
  const std::string bomb =
      PngChunkBytes("iCCP", std::string("k\0\0", 3) + Deflate(std::string(30'000'000, 'A')));
  const Result<Image> image = DecodePng(AsBytes(PngWith(Encoded(1, 1, 3), bomb)), {});
  EXPECT_EQ(image.status().code(), Code::kInvalidArgument);
}

TEST(PngCodec, ReadsTheFirstImageOfAnAnimation) {
  const std::string still = Encoded(4, 4, 3);
  const std::string control = PngChunkBytes("acTL", BigEndian(2, 4) + BigEndian(0, 4));
  std::string animation = PngWith(still, control);
  // A second frame stands between the data and the end.
  animation.insert(animation.size() - 12,
                   PngChunkBytes("fdAT", BigEndian(1, 4) + Deflate("anything")));
  EXPECT_EQ(Pixels(animation, 3), Pixels(still, 3));
}

TEST(PngCodec, RefusesUnknownChunksThatClaimToBeNeeded) {
  const std::string png = PngWith(Encoded(1, 1, 3), PngChunkBytes("NEWx", "abc"));
  EXPECT_EQ(DecodePng(AsBytes(png), {}).status().code(), Code::kInvalidArgument);
}

TEST(PngCodec, RefusesViewsThatLie) {
  const Image image = MakePicture(4, 4, 3);
  ImageView view = image.view();
  view.channels = 4;
  EXPECT_EQ(EncodePng(view).status().code(), Code::kInternal);
}

}  // namespace
}  // namespace darkroom::host
