// SPDX-License-Identifier: Apache-2.0

#include "host/exif.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

TEST(Exif, ReadsBothByteOrdersWithAndWithoutPrefix) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      const std::string exif = MakeExif(orientation, big_endian);
      EXPECT_EQ(ExifOrientation(AsBytes(exif)), orientation);
      EXPECT_EQ(ExifOrientation(AsBytes(std::string("Exif\0\0", 6) + exif)), orientation);
    }
  }
}

TEST(Exif, FindsTheEntryBehindOthers) {
  // Two entries: the make (ASCII), then the orientation.
  const std::string exif = "II" + LittleEndian(42, 2) + LittleEndian(8, 4) + LittleEndian(2, 2) +
                           LittleEndian(0x010F, 2) + LittleEndian(2, 2) + LittleEndian(4, 4) +
                           "abc" + std::string(1, '\0') + LittleEndian(0x0112, 2) +
                           LittleEndian(3, 2) + LittleEndian(1, 4) + LittleEndian(6, 4);
  EXPECT_EQ(ExifOrientation(AsBytes(exif)), 6);
}

TEST(Exif, TakesValuesOutsideTheRangeAsUpright) {
  EXPECT_EQ(ExifOrientation(AsBytes(MakeExif(0))), 1);
  EXPECT_EQ(ExifOrientation(AsBytes(MakeExif(9))), 1);
  EXPECT_EQ(ExifOrientation(AsBytes(MakeExif(0xFFFF))), 1);
}

TEST(Exif, TakesAnEntryOfAnotherTypeAsUpright) {
  std::string exif = MakeExif(6);
  exif[12] = 4;  // a long
  EXPECT_EQ(ExifOrientation(AsBytes(exif)), 1);
}

TEST(Exif, TakesEveryCutBlockAsUpright) {
  const std::string exif = MakeExif(6);
  constexpr size_t kValueEnd = 22;  // the last four bytes, the next directory, are not read
  for (size_t size = 0; size < kValueEnd; ++size) {
    EXPECT_EQ(ExifOrientation(AsBytes(exif.substr(0, size))), 1) << size;
  }
}

TEST(Exif, StaysInsideWhenTheDirectoryLiesBeyondTheEnd) {
  std::string exif = MakeExif(6);
  exif.replace(4, 4, LittleEndian(0xFFFFFFF0, 4));
  EXPECT_EQ(ExifOrientation(AsBytes(exif)), 1);
}

TEST(Exif, StaysInsideWhenTheDirectoryClaimsTooManyEntries) {
  std::string exif = MakeExif(6);
  exif.replace(8, 2, LittleEndian(0xFFFF, 2));
  exif.replace(10, 2, LittleEndian(0x0100, 2));
  EXPECT_EQ(ExifOrientation(AsBytes(exif)), 1);
}

}  // namespace
}  // namespace darkroom::host
