// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/byte_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/common/diffusion/error_of.h"

namespace darkroom::diffusion {
namespace {

using testing::HasSubstr;

TEST(ByteStreamTest, GivesBackWhatWasWritten) {
  ByteWriter writer;
  const at::Tensor tensor = at::arange(6, at::kFloat).view({2, 3}).t();
  writer.Add(uint64_t{0x0102030405060708});
  writer.Add(tensor);
  writer.Add(at::Tensor());
  writer.Add(at::ones({2, 0}, at::kHalf));
  writer.Add(at::scalar_tensor(2.5, at::kDouble));

  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.Number(), 0x0102030405060708U);
  EXPECT_TRUE(at::equal(reader.Tensor(), tensor));
  EXPECT_FALSE(reader.Tensor().defined());
  const at::Tensor empty = reader.Tensor();
  EXPECT_EQ(empty.sizes(), at::IntArrayRef({2, 0}));
  EXPECT_EQ(empty.scalar_type(), at::kHalf);
  EXPECT_EQ(reader.Tensor().item<double>(), 2.5);
  EXPECT_NO_THROW(reader.CheckEnd());
}

TEST(ByteStreamTest, NumbersLieLowestByteFirst) {
  ByteWriter writer;
  writer.Add(uint64_t{0x41});
  EXPECT_EQ(writer.bytes(), std::string("A\0\0\0\0\0\0\0", 8));
}

TEST(ByteStreamTest, RefusesBytesThatEndTooEarlyOrTooLate) {
  ByteWriter writer;
  writer.Add(at::ones({3, 4}));
  for (size_t size = 0; size < writer.bytes().size(); ++size) {
    ByteReader reader(std::string_view(writer.bytes()).substr(0, size));
    EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { reader.Tensor(); }), HasSubstr("is damaged"))
        << size;
  }
  const std::string longer = writer.bytes() + "x";
  ByteReader reader(longer);
  reader.Tensor();
  EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { reader.CheckEnd(); }),
              HasSubstr("after its end"));
}

TEST(ByteStreamTest, RefusesTensorsThatCannotBe) {
  const auto refusal = [](std::initializer_list<uint64_t> numbers) {
    ByteWriter writer;
    for (const uint64_t number : numbers) writer.Add(number);
    ByteReader reader(writer.bytes());
    return ErrorOf(DR_FAILED_PRECONDITION, [&] { reader.Tensor(); });
  };
  constexpr auto kFloat = static_cast<uint64_t>(at::kFloat);
  EXPECT_THAT(refusal({99}), HasSubstr("unknown dtype"));
  EXPECT_THAT(refusal({static_cast<uint64_t>(at::kLong), 0, 0}), HasSubstr("unknown dtype"));
  EXPECT_THAT(refusal({kFloat, 9}), HasSubstr("too many dimensions"));
  EXPECT_THAT(refusal({kFloat, 1, uint64_t{1} << 63}), HasSubstr("larger than the rest"));
  // A product that is 0 in 64 bits.
  EXPECT_THAT(refusal({kFloat, 4, 1 << 16, 1 << 16, 1 << 16, 1 << 16}),
              HasSubstr("larger than the rest"));
  EXPECT_THAT(refusal({kFloat, 2, 2, 3, 0, 0}), HasSubstr("larger than the rest"));
}

}  // namespace
}  // namespace darkroom::diffusion
