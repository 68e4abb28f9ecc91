// SPDX-License-Identifier: Apache-2.0

#include "host/image_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "host/jpeg_codec.h"
#include "host/png_codec.h"
#include "host/webp_codec.h"
#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

std::string Jpeg(uint32_t channels = 3) {
  return ToString(*EncodeJpeg(MakePicture(20, 10, channels).view(), 90));
}
std::string Png(uint32_t channels = 3) {
  return ToString(*EncodePng(MakePicture(20, 10, channels).view()));
}
std::string Webp(uint32_t channels = 3, int quality = 90) {
  return ToString(*EncodeWebp(MakePicture(20, 10, channels).view(), quality));
}

ImageInfo Probe(std::string_view bytes) {
  const Result<ImageInfo> info = ProbeImage(AsBytes(bytes));
  EXPECT_TRUE(info.ok()) << info.status().ToString();
  return info.ok() ? *info : ImageInfo{};
}

TEST(ImageProbe, ReadsTheHeaderOfEachFormat) {
  const struct {
    std::string bytes;
    ImageFormat format;
    uint32_t channels;
  } kCases[] = {
      {Jpeg(1), ImageFormat::kJpeg, 1},      {Jpeg(3), ImageFormat::kJpeg, 3},
      {Png(1), ImageFormat::kPng, 1},        {Png(2), ImageFormat::kPng, 2},
      {Png(3), ImageFormat::kPng, 3},        {Png(4), ImageFormat::kPng, 4},
      {Webp(3), ImageFormat::kWebp, 3},      {Webp(4), ImageFormat::kWebp, 4},
      {Webp(3, 100), ImageFormat::kWebp, 3}, {Webp(4, 100), ImageFormat::kWebp, 4},
  };
  for (const auto& expected : kCases) {
    const ImageInfo info = Probe(expected.bytes);
    EXPECT_EQ(info.format, expected.format);
    EXPECT_EQ(info.width, 20U);
    EXPECT_EQ(info.height, 10U);
    EXPECT_EQ(info.channels, expected.channels) << FormatName(expected.format);
    EXPECT_EQ(info.bits, 8U);
    EXPECT_EQ(info.frames, 1U);
    EXPECT_EQ(info.orientation, 1);
  }
}

TEST(ImageProbe, FindsTheOrientationInEachFormat) {
  const std::string exif = MakeExif(6);
  const std::string prefixed = std::string("Exif\0\0", 6) + exif;
  EXPECT_EQ(Probe(JpegWith(Jpeg(), 0xE1, prefixed)).orientation, 6);
  EXPECT_EQ(Probe(PngWith(Png(), PngChunkBytes("eXIf", exif))).orientation, 6);
  std::string late = Png();
  late.insert(late.size() - 12, PngChunkBytes("eXIf", exif));
  EXPECT_EQ(Probe(late).orientation, 6);
  for (const std::string& block : {exif, prefixed}) {
    const std::string webp =
        WebpFile(Vp8x(8, 20, 10) + std::string(WebpChunks(Webp())) + RiffChunk("EXIF", block));
    EXPECT_EQ(Probe(webp).orientation, 6);
  }
}

TEST(ImageProbe, StepsOverOtherNotes) {
  // XMP uses the same segment as EXIF.
  const std::string xmp = JpegWith(JpegWith(Jpeg(), 0xE1, std::string("Exif\0\0", 6) + MakeExif(3)),
                                   0xE1, "http://ns.adobe.com/xap/1.0/");
  EXPECT_EQ(Probe(xmp).orientation, 3);
}

TEST(ImageProbe, TellsBitsTransparencyAndFrames) {
  const std::string deep = PngFile({PngHeader(20, 10, 16, 0)});
  EXPECT_EQ(Probe(deep).bits, 16U);
  const std::string palette = PngFile({PngHeader(20, 10, 4, 3), PngChunkBytes("PLTE", "abc")});
  EXPECT_EQ(Probe(palette).channels, 3U);
  EXPECT_EQ(Probe(palette).bits, 4U);
  EXPECT_EQ(Probe(palette + PngChunkBytes("tRNS", "a")).channels, 4U);
  const std::string animation =
      PngWith(Png(), PngChunkBytes("acTL", BigEndian(7, 4) + BigEndian(0, 4)));
  EXPECT_EQ(Probe(animation).frames, 7U);
}

// The header is enough: what follows it may be missing.
TEST(ImageProbe, ReportsSizesOfFilesThatAreCutBehindTheirHeader) {
  EXPECT_EQ(Probe(Png().substr(0, 33)).width, 20U);
  EXPECT_EQ(Probe(Webp().substr(0, 30)).width, 20U);
  EXPECT_EQ(Probe(Webp(4).substr(0, 30)).width, 20U);
  const std::string jpeg = Jpeg();
  EXPECT_EQ(Probe(jpeg.substr(0, jpeg.find("\xff\xda"))).width, 20U);
}

TEST(ImageProbe, RefusesFilesThatAreCutWithinTheirHeader) {
  const std::string jpeg = Jpeg();
  for (const std::string& bytes :
       {Png().substr(0, 32), Webp().substr(0, 29), Webp(4).substr(0, 29),
        Webp(3, 100).substr(0, 24), jpeg.substr(0, jpeg.find("\xff\xc0") + 9)}) {
    const Result<ImageInfo> info = ProbeImage(AsBytes(bytes));
    ASSERT_FALSE(info.ok());
    EXPECT_EQ(info.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(info.status().message(), HasSubstr("header"));
  }
}

TEST(ImageProbe, RefusesOthersByTheirName) {
  for (const auto& [bytes, words] :
       {std::pair<std::string, std::string>{"GIF89a\1\0\1\0", "GIF images"},
        {std::string("II*\0\x08\0\0\0", 8), "TIFF images"},
        {"%PDF-1.7", "no image but PDF"},
        {"just some words", "no image but text"},
        {std::string("\1\2\3\4", 4), "begin with 01 02 03 04"},
        {"", "empty"}}) {
    const Result<ImageInfo> info = ProbeImage(AsBytes(bytes));
    ASSERT_FALSE(info.ok());
    EXPECT_EQ(info.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(info.status().message(), HasSubstr(words));
    EXPECT_THAT(info.status().hint(), HasSubstr("PNG"));
  }
}

TEST(ImageProbe, LooksLikeImage) {
  EXPECT_TRUE(LooksLikeImage(AsBytes(Jpeg())));
  EXPECT_TRUE(LooksLikeImage(AsBytes(std::string_view("GIF89a"))));
  EXPECT_FALSE(LooksLikeImage(AsBytes(std::string_view("{\"params\": {}}"))));
  EXPECT_FALSE(LooksLikeImage({}));
}

}  // namespace
}  // namespace darkroom::host
