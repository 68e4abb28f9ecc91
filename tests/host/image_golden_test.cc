// SPDX-License-Identifier: Apache-2.0
//
// Compares what we decode with what Pillow and NumPy say of the same files: make_image_goldens.py
// writes both.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "host/decode_image.h"

namespace darkroom::host {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ImageGolden, DecodesAsPillowDoes) {
  const char* folder = std::getenv("DARKROOM_IMAGE_GOLDENS");
  if (folder == nullptr) {
    GTEST_SKIP() << "DARKROOM_IMAGE_GOLDENS is not set: run this test by ctest, which makes them";
  }
  std::istringstream index(ReadFile(std::string(folder) + "/index.txt"));
  std::string name;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 0;
  int tolerance = 0;
  int files = 0;
  // A line is: the file's name, the decoded image's sizes and channels, the largest difference
  // allowed.
  while (index >> name >> width >> height >> channels >> tolerance) {
    SCOPED_TRACE(name);
    ++files;
    const std::string bytes = ReadFile(std::string(folder) + "/" + name);
    const std::string expected = ReadFile(std::string(folder) + "/" + name + ".raw");
    const Result<Image> image = DecodeImage(AsBytes(bytes), {});
    ASSERT_TRUE(image.ok()) << image.status().ToString();
    ASSERT_EQ(image->width, width);
    ASSERT_EQ(image->height, height);
    ASSERT_EQ(image->channels, channels);
    ASSERT_EQ(image->pixels.size(), expected.size());
    int worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const int difference = std::to_integer<int>(image->pixels.data()[i]) -
                             static_cast<int>(static_cast<unsigned char>(expected[i]));
      worst = std::max(worst, std::abs(difference));
    }
    EXPECT_LE(worst, tolerance);
  }
  EXPECT_GE(files, 60);
}

}  // namespace
}  // namespace darkroom::host
