// SPDX-License-Identifier: Apache-2.0

#include "cli/claim_check.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(References, AreBucketAndName) {
  const auto object = ParseReference("nats-object://darkroom-objects/4be1");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->bucket, "darkroom-objects");
  EXPECT_EQ(object->name, "4be1");
  EXPECT_EQ(ReferenceTo(*object), "nats-object://darkroom-objects/4be1");
  for (const char* text :
       {"", "darkroom-objects/4be1", "nats-object://", "nats-object://a", "nats-object://a/",
        "nats-object:///b", "nats-object://a.>/b", "http://a/b"}) {
    EXPECT_FALSE(ParseReference(text)) << text;
  }
}

TEST(LargestBody, LeavesRoomForHeaders) {
  constexpr size_t kMiB = size_t{1} << 20;
  EXPECT_EQ(LargestJobBody(kMiB), kMiB / 2);
  EXPECT_EQ(LargestJobBody(8 * kMiB), kMiB / 2);
  EXPECT_EQ(LargestJobBody(kMiB / 4), kMiB / 4 - kMiB / 16);
  EXPECT_EQ(LargestRequestBody(kMiB), kMiB - kMiB / 16);
}

}  // namespace
}  // namespace darkroom
