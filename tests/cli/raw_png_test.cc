// SPDX-License-Identifier: Apache-2.0
//
// That the host's decoder reads them is tested by `darkroom plugins check` itself, end to end.

#include "cli/raw_png.h"

#include <gtest/gtest.h>

#include <string_view>

namespace darkroom {
namespace {

using namespace std::literals;

TEST(RawPng, HasTheFormOfAPng) {
  const std::string png = MakeRawPng(64, 48, 3);
  EXPECT_TRUE(png.starts_with("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x30\x08\x02"sv));
  // The check sum of an empty IEND is always this.
  EXPECT_TRUE(png.ends_with("\0\0\0\0IEND\xae\x42\x60\x82"sv));
  EXPECT_EQ(png, MakeRawPng(64, 48, 3));
}

TEST(RawPng, OnePixelIsToTheByteWhatOthersWrite) {
  // One grey pixel of value 0, with the check sums of Python's zlib.
  EXPECT_EQ(MakeRawPng(1, 1, 1),
            "\x89PNG\r\n\x1a\n"
            "\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55"
            "\0\0\0\x0dIDAT\x78\x01\x01\x02\0\xfd\xff\0\0\0\x02\0\x01\x7e\x05\x0d\xd2"
            "\0\0\0\0IEND\xae\x42\x60\x82"sv);
}

TEST(RawPng, ManyPixelsTakeSeveralBlocks) {
  const std::string png = MakeRawPng(300, 300, 3);
  EXPECT_GT(png.size(), 300U * 901U + 4 * 5);
}

}  // namespace
}  // namespace darkroom
