// SPDX-License-Identifier: Apache-2.0

#include "host/icc.h"

#include <gtest/gtest.h>

#include "tests/host/image_builders.h"

namespace darkroom::host {
namespace {

TEST(Icc, FitsTheColourModel) {
  for (const uint32_t grey : {1U, 2U}) {
    EXPECT_TRUE(IccFits(AsBytes(MakeIcc("GRAY")), grey));
    EXPECT_FALSE(IccFits(AsBytes(MakeIcc("RGB ")), grey));
  }
  for (const uint32_t colour : {3U, 4U}) {
    EXPECT_TRUE(IccFits(AsBytes(MakeIcc("RGB ")), colour));
    EXPECT_FALSE(IccFits(AsBytes(MakeIcc("GRAY")), colour));
    EXPECT_FALSE(IccFits(AsBytes(MakeIcc("CMYK")), colour));
  }
}

TEST(Icc, RefusesWhatIsNoProfile) {
  EXPECT_FALSE(IccFits({}, 3));
  EXPECT_FALSE(IccFits(AsBytes(MakeIcc("RGB ").substr(0, 127)), 3));
  std::string unsigned_profile = MakeIcc("RGB ");
  unsigned_profile[36] = 'x';
  EXPECT_FALSE(IccFits(AsBytes(unsigned_profile), 3));
  EXPECT_FALSE(IccFits(AsBytes(MakeIcc("RGB ", kMaxIccBytes + 1)), 3));
}

}  // namespace
}  // namespace darkroom::host
