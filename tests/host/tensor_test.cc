// SPDX-License-Identifier: Apache-2.0

#include "host/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace darkroom::host {
namespace {

using ::testing::ElementsAre;

dr_tensor_t Tensor(void* data, std::vector<int64_t>& shape, std::vector<int64_t>& strides,
                   dr_dtype_t dtype = kUint8) {
  return {data,           kCpuDevice, static_cast<int32_t>(shape.size()), dtype, shape.data(),
          strides.data(), 0};
}

uint64_t Bytes64(dr_dtype_t dtype, const std::vector<int64_t>& shape) {
  const Result<uint64_t> bytes =
      TensorBytes(dtype, static_cast<int32_t>(shape.size()), shape.data());
  EXPECT_TRUE(bytes.ok()) << bytes.status().ToString();
  return bytes.ok() ? *bytes : 0;
}

TEST(Tensor, CountsBytes) {
  EXPECT_EQ(Bytes64({2, 32, 1}, {2, 3, 4}), 96U);
  EXPECT_EQ(Bytes64({2, 32, 1}, {}), 4U);
  EXPECT_EQ(Bytes64(kUint8, {5, 0}), 0U);
}

TEST(Tensor, RefusesSizesThatNobodyCanHold) {
  const auto refused = [](dr_dtype_t dtype, std::vector<int64_t> shape) {
    return !TensorBytes(dtype, static_cast<int32_t>(shape.size()), shape.data()).ok();
  };
  EXPECT_TRUE(refused(kUint8, {-1}));
  EXPECT_TRUE(refused(kUint8, {INT64_MAX, 2}));
  EXPECT_TRUE(refused({2, 64, 1}, {INT64_MAX / 4}));
  EXPECT_TRUE(refused(kUint8, {0, INT64_MAX, INT64_MAX}));
  EXPECT_TRUE(refused({9, 8, 1}, {1}));
  EXPECT_TRUE(refused({1, 8, 4}, {1}));
  EXPECT_TRUE(refused(kUint8, std::vector<int64_t>(17, 1)));
  EXPECT_FALSE(TensorBytes(kUint8, 2, nullptr).ok());
}

TEST(Tensor, KnowsDtypesByName) {
  for (const char* name : {"uint8", "float32", "float16", "bfloat16", "int64", "bool"}) {
    const auto dtype = DtypeFromName(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(DtypeName(*dtype), name);
  }
  EXPECT_FALSE(DtypeFromName("complex64").has_value());
}

TEST(Tensor, CompactsWhateverStrides) {
  std::string bytes = "abcdef";
  std::vector<int64_t> shape = {2, 3};
  std::vector<int64_t> rows = {3, 1};
  EXPECT_TRUE(IsCompact(Tensor(bytes.data(), shape, rows)));

  std::vector<int64_t> turned_shape = {3, 2};
  std::vector<int64_t> turned = {1, 3};
  const dr_tensor_t view = Tensor(bytes.data(), turned_shape, turned);
  EXPECT_FALSE(IsCompact(view));
  std::string out(6, ' ');
  CopyCompact(view, reinterpret_cast<std::byte*>(out.data()));
  EXPECT_EQ(out, "adbecf");

  std::vector<int64_t> backwards = {-3, -1};
  dr_tensor_t flipped = Tensor(bytes.data(), shape, backwards);
  flipped.byte_offset = 5;
  CopyCompact(flipped, reinterpret_cast<std::byte*>(out.data()));
  EXPECT_EQ(out, "fedcba");

  std::vector<int64_t> same = {0, 1};
  CopyCompact(Tensor(bytes.data(), shape, same), reinterpret_cast<std::byte*>(out.data()));
  EXPECT_EQ(out, "abcabc");
}

TEST(Tensor, StridesOfLengthsOfOneDoNotMatter) {
  std::string bytes = "abc";
  std::vector<int64_t> shape = {1, 3, 1};
  std::vector<int64_t> strides = {99, 1, 77};
  EXPECT_TRUE(IsCompact(Tensor(bytes.data(), shape, strides)));
  std::vector<int64_t> filled;
  FillStrides({2, 0, 3}, &filled);
  EXPECT_THAT(filled, ElementsAre(3, 3, 1));
}

}  // namespace
}  // namespace darkroom::host
