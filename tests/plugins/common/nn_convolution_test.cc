// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "common/nn/convolution.h"
#include "common/nn/group_norm.h"
#include "tests/plugins/common/nn_test_weights.h"

namespace darkroom::nn {
namespace {

constexpr double kTolerance = 2e-5;
constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

Placement With(Engine engine) { return {at::kCPU, at::kFloat, engine}; }

ConvolutionWeights RandomConvolution(int64_t inputs, int64_t outputs, int64_t edge) {
  return {Random({outputs, inputs, edge, edge}, 1) / 8.0, Random({outputs}, 2)};
}

struct Case {
  int64_t edge;
  int64_t stride;
  int64_t padding;
};

class ConvolutionTest : public testing::TestWithParam<Case> {};

TEST_P(ConvolutionTest, EveryEngineIsTheSameFunction) {
  const auto [edge, stride, padding] = GetParam();
  const ConvolutionWeights weights = RandomConvolution(12, 20, edge);
  const at::Tensor input = Random({2, 12, 9, 7}, 3);
  const at::Tensor expected = at::conv2d(input, weights.weight, weights.bias, stride, padding);
  const at::Tensor residual = Random(expected.sizes(), 4).contiguous(kChannelsLast);
  const at::Tensor copy = residual.clone();
  for (const Engine engine : {Engine::kAten, Engine::kPacked, Engine::kInt8}) {
    const Convolution convolution(weights, stride, padding, With(engine));
    const at::Tensor result = convolution(input.contiguous(kChannelsLast));
    EXPECT_EQ(result.sizes(), expected.sizes());
    EXPECT_TRUE(result.is_contiguous(kChannelsLast));
    EXPECT_LE(MaxDifference(result, expected), kTolerance);
    const at::Tensor sum = convolution(input.contiguous(kChannelsLast), residual);
    EXPECT_LE(MaxDifference(sum, expected + residual), kTolerance);
    EXPECT_TRUE(residual.equal(copy));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvolutionTest,
                         testing::Values(Case{3, 1, 1}, Case{3, 2, 1}, Case{3, 2, 0},
                                         Case{1, 1, 0}));

TEST(ConvolutionSizesTest, OnePackingServesAllSizes) {
  const ConvolutionWeights weights = RandomConvolution(8, 8, 3);
  const Convolution packed(weights, 1, 1, With(Engine::kPacked));
  for (const int64_t edge : {1, 2, 8, 33}) {
    const at::Tensor input = Random({3, 8, edge, edge + 1}, 5).contiguous(kChannelsLast);
    const at::Tensor expected = at::conv2d(input, weights.weight, weights.bias, 1, 1);
    EXPECT_LE(MaxDifference(packed(input), expected), kTolerance) << edge;
  }
}

TEST(ConvolutionAsLinearTest, APointwiseOneIsALayerOverChannels) {
  const ConvolutionWeights weights = RandomConvolution(6, 10, 1);
  const LinearWeights linear = AsLinear(weights);
  const at::Tensor input = Random({2, 6, 3, 4}, 6);
  const at::Tensor expected = at::conv2d(input, weights.weight, weights.bias);
  const at::Tensor result = at::linear(input.permute({0, 2, 3, 1}), linear.weight, linear.bias);
  EXPECT_LE(MaxDifference(result.permute({0, 3, 1, 2}), expected), kTolerance);
}

TEST(GroupNormTest, TheOrderOfChannelsIsKept) {
  const GroupNorm norm(RandomNorm(12, 7), 3, 1e-6, {});
  const at::Tensor input = Random({2, 12, 5, 6}, 8);
  const at::Tensor last = norm(input.contiguous(kChannelsLast));
  EXPECT_TRUE(last.is_contiguous(kChannelsLast));
  EXPECT_LE(MaxDifference(last, norm(input)), kTolerance);
}

}  // namespace
}  // namespace darkroom::nn
