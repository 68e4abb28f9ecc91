// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <vector>

#include "common/nn/feed_forward.h"
#include "common/nn/gated_feed_forward.h"
#include "common/nn/linear.h"
#include "tests/plugins/common/nn_test_weights.h"

namespace darkroom::nn {
namespace {

constexpr double kTolerance = 2e-5;

Placement Packed() {
  Placement placement;
  placement.engine = ChooseEngine("auto", at::kCPU, at::kFloat);
  return placement;
}

class LinearTest : public testing::TestWithParam<Activation> {};

TEST_P(LinearTest, PackedIsTheSameFunction) {
  ASSERT_EQ(Packed().engine, Engine::kPacked);
  const LinearWeights weights = RandomLinear(48, 72, 1);
  const Linear plain(weights, {}, GetParam());
  const Linear packed(weights, Packed(), GetParam());
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{48}, {1, 48}, {2, 5, 48}, {70, 48}}) {
    const at::Tensor input = Random(shape, 3);
    const at::Tensor expected = Apply(GetParam(), at::linear(input, weights.weight, weights.bias));
    EXPECT_EQ(plain(input).sizes(), expected.sizes());
    EXPECT_EQ(packed(input).sizes(), expected.sizes());
    EXPECT_LE(MaxDifference(plain(input), expected), 0.0);
    EXPECT_LE(MaxDifference(packed(input), expected), kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, LinearTest,
                         testing::Values(Activation::kNone, Activation::kGelu,
                                         Activation::kGeluTanh, Activation::kQuickGelu,
                                         Activation::kRelu, Activation::kSilu, Activation::kTanh));

TEST(LinearResidualTest, AResidualIsAdded) {
  const LinearWeights weights = RandomLinear(16, 24, 5);
  const at::Tensor input = Random({2, 3, 16}, 6);
  const at::Tensor residual = Random({2, 3, 24}, 7);
  const at::Tensor copy = residual.clone();
  const at::Tensor expected = at::linear(input, weights.weight, weights.bias) + residual;
  EXPECT_LE(MaxDifference(Linear(weights, {})(input, residual), expected), kTolerance);
  EXPECT_LE(MaxDifference(Linear(weights, Packed())(input, residual), expected), kTolerance);
  EXPECT_TRUE(residual.equal(copy));
}

TEST(LinearFactorTest, AFactorIsMultiplied) {
  const LinearWeights weights = RandomLinear(16, 24, 5);
  const at::Tensor input = Random({2, 3, 16}, 6);
  const at::Tensor factor = Random({2, 3, 24}, 7);
  const at::Tensor copy = factor.clone();
  const at::Tensor expected = at::linear(input, weights.weight, weights.bias) * factor;
  EXPECT_LE(MaxDifference(Linear(weights, {}).Times(input, factor), expected), kTolerance);
  EXPECT_LE(MaxDifference(Linear(weights, Packed()).Times(input, factor), expected), kTolerance);
  EXPECT_TRUE(factor.equal(copy));
}

TEST(GatedFeedForwardTest, TheSecondHalfIsTheGate) {
  const LinearWeights up = RandomLinear(16, 80, 1);
  const LinearWeights down = RandomLinear(40, 16, 2);
  const at::Tensor input = Random({2, 3, 16}, 3);
  const at::Tensor residual = Random({2, 3, 16}, 4);
  const std::vector<at::Tensor> parts = at::linear(input, up.weight, up.bias).chunk(2, -1);
  const at::Tensor expected =
      at::linear(parts[0] * at::gelu(parts[1]), down.weight, down.bias) + residual;
  for (const Placement& placement : {Placement(), Packed()}) {
    const GatedFeedForward layer(up, down, Activation::kGelu, placement);
    EXPECT_LE(MaxDifference(layer(input, residual), expected), 5 * kTolerance);
  }
}

TEST(LinearBiasTest, ThereMayBeNone) {
  const at::Tensor weight = Random({8, 4}, 1);
  const at::Tensor input = Random({3, 4}, 2);
  const at::Tensor expected = at::linear(input, weight);
  EXPECT_LE(MaxDifference(Linear({weight, {}}, {})(input), expected), kTolerance);
  EXPECT_LE(MaxDifference(Linear({weight, {}}, Packed())(input), expected), kTolerance);
}

TEST(LinearInt8Test, IsNearTheSameFunction) {
  Placement int8;
  int8.engine = Engine::kInt8;
  const LinearWeights weights = RandomLinear(96, 72, 1);
  const at::Tensor input = Random({5, 7, 96}, 2);
  const at::Tensor residual = Random({5, 7, 72}, 3);
  const at::Tensor expected = at::linear(input, weights.weight, weights.bias);
  const double scale = expected.abs().max().item<double>();
  const at::Tensor output = Linear(weights, int8)(input);
  EXPECT_LE(MaxDifference(output, expected), 0.03 * scale);
  EXPECT_GT(MaxDifference(output, expected), 0.0);
  EXPECT_LE(MaxDifference(Linear(weights, int8)(input, residual), expected + residual),
            0.03 * scale);
  EXPECT_LE(MaxDifference(Linear(weights, int8, Activation::kGelu)(input), at::gelu(expected)),
            0.03 * scale);
  EXPECT_LE(MaxDifference(Linear({weights.weight, {}}, int8)(input), expected - weights.bias),
            0.03 * scale);
}

TEST(FeedForwardTest, QuickGeluInTheWeightsIsQuickGelu) {
  const LinearWeights up = RandomLinear(16, 64, 1);
  const LinearWeights down = RandomLinear(64, 16, 2);
  const at::Tensor input = Random({2, 3, 16}, 3);
  const at::Tensor residual = Random({2, 3, 16}, 4);
  for (const Activation activation : {Activation::kQuickGelu, Activation::kGelu}) {
    const at::Tensor inner = Apply(activation, at::linear(input, up.weight, up.bias));
    const at::Tensor expected = at::linear(inner, down.weight, down.bias) + residual;
    EXPECT_LE(MaxDifference(FeedForward(up, down, activation, {})(input, residual), expected),
              kTolerance);
    EXPECT_LE(MaxDifference(FeedForward(up, down, activation, Packed())(input, residual), expected),
              kTolerance);
  }
}

}  // namespace
}  // namespace darkroom::nn
