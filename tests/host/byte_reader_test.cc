// SPDX-License-Identifier: Apache-2.0

#include "host/byte_reader.h"

#include <gtest/gtest.h>

namespace darkroom::host {
namespace {

constexpr std::string_view kBytes("\x01\x02\x03\x04\xff\xfe\xfd\xfc", 8);

TEST(ByteReader, ReadsBothOrders) {
  ByteReader big(AsBytes(kBytes), ByteReader::Order::kBig);
  EXPECT_EQ(big.U8(), 0x01);
  EXPECT_EQ(big.U24(), 0x020304U);
  EXPECT_EQ(big.U32(), 0xfffefdfcU);
  EXPECT_TRUE(big.ok());
  ByteReader little(AsBytes(kBytes), ByteReader::Order::kLittle);
  EXPECT_EQ(little.U16(), 0x0201);
  EXPECT_EQ(little.U16(), 0x0403);
  EXPECT_EQ(little.U32(), 0xfcfdfeffU);
  EXPECT_TRUE(little.ok());
}

TEST(ByteReader, ReadsZeroesBeyondTheEndAndStaysFailed) {
  ByteReader reader(AsBytes(kBytes), ByteReader::Order::kBig);
  reader.Skip(6);
  EXPECT_EQ(reader.U32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.left(), 0U);
  EXPECT_EQ(reader.U8(), 0U);
  reader.Seek(0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, RefusesSizesAndPositionsBeyondTheEnd) {
  ByteReader take(AsBytes(kBytes), ByteReader::Order::kBig);
  EXPECT_TRUE(take.Take(SIZE_MAX).empty());
  EXPECT_FALSE(take.ok());
  ByteReader seek(AsBytes(kBytes), ByteReader::Order::kBig);
  seek.Seek(8);
  EXPECT_TRUE(seek.ok());
  seek.Seek(9);
  EXPECT_FALSE(seek.ok());
}

}  // namespace
}  // namespace darkroom::host
