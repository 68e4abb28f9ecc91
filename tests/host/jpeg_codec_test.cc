// SPDX-License-Identifier: Apache-2.0

#include "host/jpeg_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "host/jpeg_error.h"
#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

using ::testing::HasSubstr;

std::string Encoded(const Image& image, int quality = 90) {
  return ToString(*EncodeJpeg(image.view(), quality));
}

// A picture without fine texture, which JPEG keeps well.
Image Smooth(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = MakeImage(width, height, channels);
  for (uint32_t y = 0; y < height; ++y) {
    std::byte* row = image.row(y);
    for (uint32_t x = 0; x < width; ++x) {
      for (uint32_t c = 0; c < channels; ++c)
        *row++ = static_cast<std::byte>(60 + x + y / 2 + c * 30);
    }
  }
  return image;
}

int WorstDifference(Bytes a, Bytes b) {
  if (a.size() != b.size()) return 256;
  int worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(std::to_integer<int>(a[i]) - std::to_integer<int>(b[i])));
  }
  return worst;
}

// What the encoder under test never writes: progressive files of any script, CMYK, other markers.
struct Special {
  int components = 3;
  J_COLOR_SPACE space = JCS_RGB;
  J_COLOR_SPACE stored = JCS_YCbCr;
  bool adobe = false;
  std::vector<jpeg_scan_info> scans;
  bool progressive = false;
};

std::string EncodeSpecial(const Image& image, const Special& special) {
  jpeg_compress_struct info{};
  jpeg_error_mgr error{};
  info.err = jpeg_std_error(&error);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = image.width;
  info.image_height = image.height;
  info.input_components = special.components;
  info.in_color_space = special.space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_set_colorspace(&info, special.stored);
  info.write_Adobe_marker = special.adobe ? TRUE : FALSE;
  for (int i = 0; i < info.num_components; ++i) {
    info.comp_info[i].h_samp_factor = 1;
    info.comp_info[i].v_samp_factor = 1;
  }
  if (special.progressive) jpeg_simple_progression(&info);
  if (!special.scans.empty()) {
    info.scan_info = special.scans.data();
    info.num_scans = static_cast<int>(special.scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    std::vector<JSAMPLE> row(image.row_bytes());
    std::memcpy(row.data(), image.row(info.next_scanline), row.size());
    JSAMPROW line = row.data();
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  std::free(data);
  return bytes;
}

TEST(JpegCodec, RoundTripIsClose) {
  for (const uint32_t channels : {1U, 3U}) {
    for (const auto& [width, height] : {std::pair{1U, 1U}, {1U, 17U}, {17U, 1U}, {61U, 47U}}) {
      const Image image = Smooth(width, height, channels);
      const Result<Buffer> jpeg = EncodeJpeg(image.view(), 95);
      ASSERT_TRUE(jpeg.ok()) << jpeg.status().ToString();
      const Result<Image> back = DecodeJpeg(jpeg->bytes(), {});
      ASSERT_TRUE(back.ok()) << back.status().ToString();
      EXPECT_EQ(back->width, width);
      EXPECT_EQ(back->height, height);
      EXPECT_EQ(back->channels, channels);
      EXPECT_LE(WorstDifference(back->pixels.bytes(), image.pixels.bytes()), 4);
    }
  }
}

// Images whose files outgrow the encoder's first guess of their size come out whole.
TEST(JpegCodec, FilesMayGrow) {
  Image noise = MakeImage(512, 512, 3);
  uint32_t state = 1;
  for (size_t i = 0; i < noise.pixels.size(); ++i) {
    state = state * 1664525 + 1013904223;
    noise.pixels.data()[i] = static_cast<std::byte>(state >> 24);
  }
  const Result<Buffer> jpeg = EncodeJpeg(noise.view(), 100);
  ASSERT_TRUE(jpeg.ok());
  ASSERT_GT(jpeg->size(), (size_t{1} << 16) + 512 * 512 / 4);
  EXPECT_TRUE(DecodeJpeg(jpeg->bytes(), {}).ok());
}

TEST(JpegCodec, QualityChoosesSizeAndSubsampling) {
  const Image image = MakePicture(64, 64, 3);
  EXPECT_LT(Encoded(image, 20).size(), Encoded(image, 60).size());
  EXPECT_LT(Encoded(image, 60).size(), Encoded(image, 95).size());
  EXPECT_EQ(Encoded(image, 0), Encoded(image, 1));
  EXPECT_EQ(Encoded(image, 1000), Encoded(image, 100));
  // SOF0: FF C0, length, precision, height, width, count, then id and sampling of the first
  // component.
  for (const auto& [quality, sampling] : {std::pair{89, '\x22'}, {90, '\x11'}}) {
    const std::string jpeg = Encoded(image, quality);
    const size_t frame = jpeg.find("\xff\xc0");
    ASSERT_NE(frame, std::string::npos);
    EXPECT_EQ(jpeg[frame + 11], sampling) << quality;
  }
}

TEST(JpegCodec, LaysAlphaOverWhite) {
  for (const uint32_t channels : {2U, 4U}) {
    Image image = MakeImage(32, 8, channels);
    for (uint32_t y = 0; y < 8; ++y) {
      for (uint32_t x = 0; x < 32; ++x) {
        std::byte* pixel = image.row(y) + x * channels;
        for (uint32_t c = 0; c + 1 < channels; ++c) pixel[c] = std::byte{100};
        pixel[channels - 1] = x < 16 ? std::byte{0} : std::byte{255};
      }
    }
    const Result<Image> back = DecodeJpeg(AsBytes(Encoded(image, 100)), {});
    ASSERT_TRUE(back.ok());
    ASSERT_EQ(back->channels, channels - 1);
    EXPECT_NEAR(std::to_integer<int>(back->row(0)[0]), 255, 1);
    EXPECT_NEAR(std::to_integer<int>(back->row(0)[31 * back->channels]), 100, 1);
  }
}

TEST(JpegCodec, CarriesFittingProfilesInSeveralSegments) {
  for (const size_t size : {size_t{200}, size_t{65'519}, size_t{65'520}, size_t{300'000}}) {
    Image image = Smooth(16, 16, 3);
    const std::string icc = MakeIcc("RGB ", size);
    image.icc = Buffer::Copy(AsBytes(icc));
    const Result<Image> back = DecodeJpeg(AsBytes(Encoded(image)), {});
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(ToString(back->icc), icc);
  }
  Image grey = Smooth(16, 16, 1);
  grey.icc = Buffer::Copy(AsBytes(MakeIcc("RGB ")));
  EXPECT_TRUE(DecodeJpeg(AsBytes(Encoded(grey)), {})->icc.empty());
  grey.icc = Buffer::Copy(AsBytes(MakeIcc("GRAY")));
  EXPECT_EQ(ToString(DecodeJpeg(AsBytes(Encoded(grey)), {})->icc), MakeIcc("GRAY"));
}

TEST(JpegCodec, LeavesOutProfilesWithMissingSegments) {
  const std::string second_of_two = std::string("ICC_PROFILE\0\x02\x02", 14) + MakeIcc("RGB ");
  const std::string jpeg = JpegWith(Encoded(Smooth(8, 8, 3)), 0xE2, second_of_two);
  const Result<Image> image = DecodeJpeg(AsBytes(jpeg), {});
  ASSERT_TRUE(image.ok());
  EXPECT_TRUE(image->icc.empty());
}

// Pure inks and their mixtures: c, m, y, k as ink on paper from 0 to 255.
TEST(JpegCodec, ConvertsCmyk) {
  const struct {
    unsigned char ink[4];
    int rgb[3];
  } kCases[] = {{{0, 0, 0, 0}, {255, 255, 255}},    {{255, 0, 0, 0}, {0, 255, 255}},
                {{0, 255, 0, 0}, {255, 0, 255}},    {{0, 0, 255, 0}, {255, 255, 0}},
                {{0, 0, 0, 255}, {0, 0, 0}},        {{0, 0, 0, 128}, {127, 127, 127}},
                {{128, 0, 64, 51}, {102, 204, 153}}};
  for (const auto& expected : kCases) {
    for (const bool adobe : {false, true}) {
      for (const J_COLOR_SPACE stored : {JCS_CMYK, JCS_YCCK}) {
        if (stored == JCS_YCCK && !adobe) continue;  // only the marker tells it
        Image inks = MakeImage(16, 16, 4);
        for (size_t i = 0; i < inks.pixels.size(); ++i) {
          const unsigned ink = expected.ink[i % 4];
          inks.pixels.data()[i] = static_cast<std::byte>(adobe ? 255 - ink : ink);
        }
        const std::string jpeg = EncodeSpecial(
            inks,
            {.components = 4, .space = JCS_CMYK, .stored = stored, .adobe = adobe, .scans = {}});
        const Result<Image> image = DecodeJpeg(AsBytes(jpeg), {});
        ASSERT_TRUE(image.ok()) << image.status().ToString();
        ASSERT_EQ(image->channels, 3U);
        for (size_t c = 0; c < 3; ++c) {
          EXPECT_NEAR(std::to_integer<int>(image->pixels.data()[c]), expected.rgb[c], 2);
        }
      }
    }
  }
}

TEST(JpegCodec, ReadsProgressiveAndPlainRgbFiles) {
  const Image image = Smooth(40, 40, 3);
  for (const bool progressive : {false, true}) {
    const std::string jpeg = EncodeSpecial(
        image, {.stored = JCS_RGB, .adobe = true, .scans = {}, .progressive = progressive});
    const Result<Image> back = DecodeJpeg(AsBytes(jpeg), {});
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_LE(WorstDifference(back->pixels.bytes(), image.pixels.bytes()), 2);
  }
}

TEST(JpegCodec, RefusesTooManyScans) {
  // One scan for the average, then one for each coefficient of each component.
  std::vector<jpeg_scan_info> scans = {{3, {0, 1, 2, 0}, 0, 0, 0, 0}};
  for (int component = 0; component < 3; ++component) {
    for (int coefficient = 1; coefficient < 64; ++coefficient) {
      scans.push_back({1, {component, 0, 0, 0}, coefficient, coefficient, 0, 0});
    }
  }
  const std::string jpeg = EncodeSpecial(Smooth(16, 16, 3), {.scans = scans});
  const Result<Image> image = DecodeJpeg(AsBytes(jpeg), {});
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(image.status().message(), HasSubstr("scans"));
}

TEST(JpegCodec, RefusesEveryCutFile) {
  const Image image = MakePicture(24, 16, 3);
  for (const std::string& jpeg :
       {Encoded(image), EncodeSpecial(image, {.scans = {}, .progressive = true})}) {
    for (size_t size = 0; size < jpeg.size(); ++size) {
      const Result<Image> cut = DecodeJpeg(AsBytes(jpeg.substr(0, size)), {});
      ASSERT_FALSE(cut.ok()) << size << " of " << jpeg.size();
      EXPECT_EQ(cut.status().code(), Code::kInvalidArgument);
    }
  }
}

// A cut file with an end marker behind the cut would be half a picture and half grey.
TEST(JpegCodec, RefusesMissingRowsBehindAnEndMarker) {
  const std::string jpeg = Encoded(MakePicture(64, 64, 3));
  const std::string patched = jpeg.substr(0, jpeg.size() * 2 / 3) + "\xff\xd9";
  EXPECT_EQ(DecodeJpeg(AsBytes(patched), {}).status().code(), Code::kInvalidArgument);
}

TEST(JpegCodec, ToleratesBytesBehindTheImage) {
  EXPECT_TRUE(DecodeJpeg(AsBytes(Encoded(Smooth(8, 8, 3)) + "appended by a camera"), {}).ok());
}

TEST(JpegCodec, ChecksTheSizeBeforeAnythingElse) {
  std::string jpeg = Encoded(Smooth(8, 8, 3));
  const size_t frame = jpeg.find("\xff\xc0");
  jpeg.replace(frame + 5, 4, BigEndian(65500, 2) + BigEndian(65500, 2));
  const Result<Image> refused = DecodeJpeg(AsBytes(jpeg), {});
  EXPECT_EQ(refused.status().code(), Code::kTooLarge);
  EXPECT_THAT(refused.status().message(), HasSubstr("65500 x 65500"));
  jpeg.replace(frame + 5, 4, std::string(4, '\0'));
  EXPECT_EQ(DecodeJpeg(AsBytes(jpeg), {}).status().code(), Code::kInvalidArgument);
}

TEST(JpegCodec, NamesKindsItDoesNotRead) {
  std::string jpeg = Encoded(Smooth(8, 8, 3));
  const size_t frame = jpeg.find("\xff\xc0");
  std::string lossless = jpeg;
  lossless[frame + 1] = '\xc3';
  std::string deep = jpeg;
  deep[frame + 4] = 12;
  for (const std::string& bytes : {lossless, deep}) {
    const Result<Image> image = DecodeJpeg(AsBytes(bytes), {});
    EXPECT_EQ(image.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(image.status().message(), HasSubstr("not read here"));
  }
}

TEST(JpegCodec, RefusesSidesBeyondTheFormat) {
  const Image wide = MakePicture(65501, 1, 1);
  const Result<Buffer> jpeg = EncodeJpeg(wide.view(), 90);
  EXPECT_EQ(jpeg.status().code(), Code::kTooLarge);
  EXPECT_THAT(jpeg.status().message(), HasSubstr("65500"));
}

}  // namespace
}  // namespace darkroom::host
