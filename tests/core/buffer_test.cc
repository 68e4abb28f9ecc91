// SPDX-License-Identifier: Apache-2.0

#include "core/buffer.h"

#include <gtest/gtest.h>

#include <utility>

namespace darkroom {
namespace {

TEST(Buffer, CopiesAndTruncates) {
  Buffer buffer = Buffer::Copy(AsBytes("photograph"));
  EXPECT_EQ(AsText(buffer.bytes()), "photograph");
  buffer.Truncate(5);
  EXPECT_EQ(AsText(buffer.bytes()), "photo");
  buffer.Truncate(50);
  EXPECT_EQ(buffer.size(), 5U);
}

TEST(Buffer, ReleasesOnceHoweverItMoves) {
  int released = 0;
  char data[4] = {};
  {
    Buffer first = Buffer::Adopt(data, sizeof data, &released,
                                 [](void* owner) { ++*static_cast<int*>(owner); });
    Buffer second = std::move(first);
    EXPECT_EQ(second.size(), sizeof data);
    Buffer third;
    third = std::move(second);
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 1);
}

}  // namespace
}  // namespace darkroom
