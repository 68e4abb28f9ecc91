// SPDX-License-Identifier: Apache-2.0
//
// Thousands of damaged files of each kind, the same in every run. Whatever the damage, decoding
// ends with an image that fits its sizes or with an error that is the file's: never with a crash,
// and never with a fault of ours. Worth most under the address sanitizer.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "host/decode_image.h"
#include "host/image_probe.h"
#include "host/jpeg_codec.h"
#include "host/png_codec.h"
#include "host/webp_codec.h"
#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

constexpr int kRounds = 1200;
constexpr ImageLimits kLimits{.max_pixels = 250'000, .max_input_bytes = 1 << 20};

class Damager {
 public:
  std::string Damage(std::string bytes) {
    const int strokes = 1 + Below(4);
    for (int i = 0; i < strokes && !bytes.empty(); ++i) Stroke(&bytes);
    return bytes;
  }

 private:
  int Below(size_t bound) { return static_cast<int>(random_() % std::max<size_t>(bound, 1)); }
  size_t Place(const std::string& bytes) {
    // Headers are short and matter most: every other stroke falls into the first bytes.
    const size_t range = random_() % 2 == 0 ? std::min<size_t>(bytes.size(), 80) : bytes.size();
    return static_cast<size_t>(Below(range));
  }

  void Stroke(std::string* bytes) {
    const size_t at = Place(*bytes);
    const size_t length = static_cast<size_t>(1 + Below(16));
    switch (Below(7)) {
      case 0:
        (*bytes)[at] = static_cast<char>((*bytes)[at] ^ 1 << Below(8));
        break;
      case 1:
        (*bytes)[at] = static_cast<char>(Below(256));
        break;
      case 2:
        // The values that overflow sums and products.
        for (size_t i = at; i < std::min(at + 4, bytes->size()); ++i) (*bytes)[i] = '\xff';
        break;
      case 3:
        bytes->resize(at);
        break;
      case 4:
        bytes->erase(at, length);
        break;
      case 5:
        bytes->insert(at, bytes->substr(Place(*bytes), length));
        break;
      default:
        for (size_t i = at; i < std::min(at + 4, bytes->size()); ++i) (*bytes)[i] = '\0';
        break;
    }
  }

  std::minstd_rand random_{20240607};
};

// Returns how many of the damaged files were refused.
int Fuzz(const std::vector<std::string>& files) {
  int refused = 0;
  Damager damager;
  for (const std::string& file : files) {
    EXPECT_TRUE(DecodeImage(AsBytes(file), kLimits).ok());
    for (int round = 0; round < kRounds; ++round) {
      std::string damaged = damager.Damage(file);
      // With its checksums wrong a PNG is refused at the door; with them repaired the damage gets
      // inside.
      if (round % 4 != 0) RepairPngChecksums(&damaged);
      const Result<Image> image = DecodeImage(AsBytes(damaged), kLimits);
      if (image.ok()) {
        EXPECT_EQ(image->pixels.size(), image->row_bytes() * image->height);
        EXPECT_LE(uint64_t{image->width} * image->height, kLimits.max_pixels);
        continue;
      }
      ++refused;
      const Code code = image.status().code();
      EXPECT_TRUE(code == Code::kInvalidArgument || code == Code::kTooLarge)
          << image.status().ToString();
      EXPECT_FALSE(image.status().hint().empty());
    }
  }
  return refused;
}

Image PictureWithProfile(uint32_t channels) {
  Image image = MakePicture(40, 24, channels);
  image.icc = Buffer::Copy(AsBytes(MakeIcc(channels <= 2 ? "GRAY" : "RGB ")));
  return image;
}

TEST(ImageFuzz, Png) {
  std::vector<std::string> files;
  for (uint32_t channels = 1; channels <= 4; ++channels) {
    files.push_back(PngWith(ToString(*EncodePng(PictureWithProfile(channels).view())),
                            PngChunkBytes("eXIf", MakeExif(5))));
  }
  const std::string row = std::string(1, '\0') + std::string(6 * 3, '\x11');
  // 16 bits with a transparent colour, and a palette of 4 bits.
  files.push_back(
      PngFile({PngHeader(3, 1, 16, 2), PngChunkBytes("tRNS", "\x11\x11\x11\x11\x11\x11"),
               PngChunkBytes("IDAT", Deflate(row)), PngChunkBytes("IEND", "")}));
  files.push_back(PngFile(
      {PngHeader(4, 1, 4, 3), PngChunkBytes("PLTE", "abcdef"), PngChunkBytes("tRNS", "x"),
       PngChunkBytes("IDAT", Deflate(std::string("\0\1\1", 3))), PngChunkBytes("IEND", "")}));
  EXPECT_GT(Fuzz(files), kRounds);
}

TEST(ImageFuzz, Jpeg) {
  std::vector<std::string> files;
  for (const uint32_t channels : {1U, 3U}) {
    files.push_back(JpegWith(ToString(*EncodeJpeg(PictureWithProfile(channels).view(), 80)), 0xE1,
                             std::string("Exif\0\0", 6) + MakeExif(6)));
  }
  EXPECT_GT(Fuzz(files), kRounds / 2);
}

TEST(ImageFuzz, Webp) {
  std::vector<std::string> files;
  for (const uint32_t channels : {3U, 4U}) {
    for (const int quality : {80, 100}) {
      files.push_back(ToString(*EncodeWebp(PictureWithProfile(channels).view(), quality)));
    }
  }
  EXPECT_GT(Fuzz(files), kRounds);
}

// Bytes that were never an image, behind each format's first bytes.
TEST(ImageFuzz, Noise) {
  std::minstd_rand random(7);
  const std::string beginnings[] = {"", "\xff\xd8\xff",
                                    "\x89"
                                    "PNG\r\n\x1a\n",
                                    "RIFF\x40\1\1\1WEBPVP8X"};
  for (const std::string& beginning : beginnings) {
    for (int round = 0; round < kRounds; ++round) {
      std::string bytes = beginning;
      for (size_t i = random() % 200; i > 0; --i) bytes += static_cast<char>(random() % 256);
      EXPECT_FALSE(DecodeImage(AsBytes(bytes), kLimits).ok());
    }
  }
}

}  // namespace
}  // namespace darkroom::host
