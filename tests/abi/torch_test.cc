// SPDX-License-Identifier: Apache-2.0
//
// torch.hpp on the CPU: the same memory on both sides, and libtorch's exceptions in our statuses.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <darkroom/torch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "abi/fake_host.h"

namespace darkroom {
namespace {

constexpr dr_lane_t kCpuLane = {sizeof(dr_lane_t), 1, {DR_DEVICE_CPU, 0}, nullptr, 0};

dr_status StatusOf(const std::function<void()>& call) {
  try {
    OnLane(kCpuLane, call);
    return DR_OK;
  } catch (const Error& error) {
    return error.status();
  }
}

TEST(TorchTest, BorrowsMemoryWithOffsetAndStrides) {
  std::array<float, 8> memory = {9, 0, 1, 2, 3, 4, 5, 6};
  std::array<int64_t, 2> shape = {2, 3};
  std::array<int64_t, 2> strides = {1, 2};  // the transpose of a 3 x 2 matrix
  const dr_tensor_t abi = {
      memory.data(),  {DR_DEVICE_CPU, 0}, 2, {DR_DTYPE_FLOAT, 32, 1}, shape.data(),
      strides.data(), sizeof(float)};
  const at::Tensor tensor = Borrow(abi);
  EXPECT_EQ(tensor.data_ptr<float>(), memory.data() + 1);
  EXPECT_EQ(tensor.sizes().vec(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensor[0][2].item<float>(), 4);
  EXPECT_EQ(tensor[1][0].item<float>(), 1);
  memory[1] = 42;
  EXPECT_EQ(tensor[0][0].item<float>(), 42);
}

TEST(TorchTest, BorrowsNothing) {
  int64_t shape = 0;
  int64_t stride = 1;
  const dr_tensor_t abi = {nullptr, {DR_DEVICE_CPU, 0}, 1, {DR_DTYPE_UINT, 8, 1}, &shape, &stride,
                           0};
  EXPECT_EQ(Borrow(abi).numel(), 0);
}

TEST(TorchTest, SharesMemoryUntilTheDeleterIsCalled) {
  at::Tensor tensor = at::arange(6, at::kInt).reshape({2, 3}).t();
  ASSERT_EQ(tensor.use_count(), 1U);
  dr_managed_tensor_t* shared = Share(tensor);
  EXPECT_EQ(tensor.use_count(), 2U);
  EXPECT_EQ(shared->version_major, 1U);
  EXPECT_EQ(shared->tensor.data, tensor.data_ptr());
  EXPECT_EQ(shared->tensor.ndim, 2);
  EXPECT_EQ(shared->tensor.shape[0], 3);
  EXPECT_EQ(shared->tensor.strides[0], 1);
  EXPECT_EQ(shared->tensor.strides[1], 3);
  EXPECT_TRUE(at::equal(Borrow(shared->tensor), tensor));
  shared->deleter(shared);
  EXPECT_EQ(tensor.use_count(), 1U);
}

TEST(TorchTest, KnowsEachTypeBothWays) {
  for (const at::ScalarType type : {at::kByte, at::kChar, at::kShort, at::kInt, at::kLong,
                                    at::kHalf, at::kBFloat16, at::kFloat, at::kDouble, at::kBool}) {
    const dr_dtype_t dtype = ToDtype(type);
    EXPECT_EQ(ToScalarType(dtype), type) << at::toString(type);
    EXPECT_EQ(dtype.bits, 8 * at::elementSize(type)) << at::toString(type);
  }
}

TEST(TorchTest, RefusesTypesThatTheOtherSideLacks) {
  EXPECT_EQ(StatusOf([] { (void)ToDtype(at::kComplexFloat); }), DR_UNIMPLEMENTED);
  EXPECT_EQ(StatusOf([] { (void)ToScalarType({DR_DTYPE_FLOAT, 32, 4}); }), DR_INVALID_ARGUMENT);
  EXPECT_EQ(StatusOf([] { (void)ToDevice({7, 0}); }), DR_INVALID_ARGUMENT);
  EXPECT_EQ(StatusOf([] { (void)Share(at::empty({1}, at::kMeta)); }), DR_UNIMPLEMENTED);
}

TEST(TorchTest, WritesAnOutputOfTheHosts) {
  FakeHost host;
  const FakeJob job("a");
  const at::Tensor out = OutputTensor(Job(Host(host.abi()), job.abi()), "y", at::kFloat, {2, 2});
  out.fill_(3);
  float last = 0;
  std::memcpy(&last, host.outputs["y"].data() + 8 + 3 * sizeof(float), sizeof(float));
  EXPECT_EQ(last, 3.0F);
}

TEST(TorchTest, RunsInInferenceModeOnTheLane) {
  EXPECT_FALSE(c10::InferenceMode::is_enabled());
  bool inside = false;
  OnLane(kCpuLane, [&] { inside = c10::InferenceMode::is_enabled(); });
  EXPECT_TRUE(inside);
  EXPECT_FALSE(c10::InferenceMode::is_enabled());
}

TEST(TorchTest, TellsTheHostWhatItCanDo) {
  EXPECT_EQ(StatusOf([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "full"); }),
            DR_RESOURCE_EXHAUSTED);
  EXPECT_EQ(StatusOf([] {
              throw c10::AcceleratorError({"", "", 0}, 700, "illegal address");
            }),
            DR_DEVICE_LOST);
  EXPECT_EQ(StatusOf([] {
              throw c10::AcceleratorError({"", "", 0}, 209, "no kernel image is available");
            }),
            DR_INTERNAL);
  EXPECT_EQ(StatusOf([] { (void)at::zeros({2, 3}).matmul(at::zeros({2, 3})); }), DR_INTERNAL);
  EXPECT_EQ(StatusOf([] { throw Error(DR_CANCELLED, "enough"); }), DR_CANCELLED);
  try {
    OnLane(kCpuLane, [] { TORCH_CHECK(false, "words"); });
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "words") << "without a stack trace";
  }
}

}  // namespace
}  // namespace darkroom
