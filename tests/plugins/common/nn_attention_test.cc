// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <darkroom/plugin.hpp>

#include "common/nn/attention.h"
#include "common/nn/transformer_block.h"
#include "tests/plugins/common/nn_test_weights.h"

namespace darkroom::nn {
namespace {

constexpr double kTolerance = 2e-5;
constexpr int64_t kWidth = 24;
constexpr int64_t kHeads = 3;

// The definition, head by head.
at::Tensor Definition(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& visible) {
  const int64_t head = q.size(2) / kHeads;
  std::vector<at::Tensor> heads;
  for (int64_t h = 0; h < kHeads; ++h) {
    const auto part = [&](const at::Tensor& t) { return t.slice(2, h * head, (h + 1) * head); };
    at::Tensor scores = at::matmul(part(q), part(k).transpose(1, 2)) / std::sqrt(head);
    scores = scores.masked_fill(visible.logical_not(), -1e30);
    heads.push_back(at::matmul(at::softmax(scores, -1), part(v)));
  }
  return at::cat(heads, 2);
}

at::Tensor All(int64_t queries, int64_t keys) { return at::ones({queries, keys}, at::kBool); }

TEST(AttendTest, IsItsDefinition) {
  const at::Tensor q = Random({2, 5, kWidth}, 1);
  const at::Tensor k = Random({2, 7, kWidth}, 2);
  const at::Tensor v = Random({2, 7, kWidth}, 3);
  EXPECT_LE(MaxDifference(Attend(q, k, v, kHeads), Definition(q, k, v, All(5, 7))), kTolerance);
  const at::Tensor mask = Random({5, 7}, 4) > -0.5;
  EXPECT_LE(MaxDifference(Attend(q, k, v, kHeads, {false, mask}), Definition(q, k, v, mask)),
            kTolerance);
}

TEST(AttendTest, CausalSeesNothingBehindItself) {
  const at::Tensor x = Random({2, 6, kWidth}, 1);
  EXPECT_LE(
      MaxDifference(Attend(x, x, x, kHeads, {true, {}}), Definition(x, x, x, at::tril(All(6, 6)))),
      kTolerance);
}

TEST(SelfAttentionTest, ProjectsAttendsAndAdds) {
  const std::vector<LinearWeights> qkv = {RandomLinear(kWidth, kWidth, 1),
                                          RandomLinear(kWidth, kWidth, 2),
                                          RandomLinear(kWidth, kWidth, 3)};
  const LinearWeights out = RandomLinear(kWidth, kWidth, 4);
  const SelfAttention attention(Join(qkv), out, kHeads, {});
  const at::Tensor x = Random({2, 6, kWidth}, 5);
  const at::Tensor residual = Random({2, 6, kWidth}, 6);
  const auto project = [&x](const LinearWeights& w) { return at::linear(x, w.weight, w.bias); };
  const at::Tensor inner = Definition(project(qkv[0]), project(qkv[1]), project(qkv[2]), All(6, 6));
  const at::Tensor expected = at::linear(inner, out.weight, out.bias) + residual;
  EXPECT_LE(MaxDifference(attention(x, residual), expected), kTolerance);
}

TEST(SelfAttentionTest, RefusesHeadsThatDoNotDivideTheWidth) {
  EXPECT_THROW(SelfAttention(RandomLinear(24, 72, 1), RandomLinear(24, 24, 2), 7, {}), Error);
}

TEST(CrossAttentionTest, LooksAtTheContext) {
  const LinearWeights query = RandomLinear(kWidth, kWidth, 1);
  const LinearWeights key = RandomLinear(10, kWidth, 2);
  const LinearWeights value = RandomLinear(10, kWidth, 3);
  const LinearWeights out = RandomLinear(kWidth, kWidth, 4);
  const CrossAttention attention(query, Join({key, value}), out, kHeads, {});
  const at::Tensor x = Random({2, 3, kWidth}, 5);
  const at::Tensor context = Random({2, 8, 10}, 6);
  const at::Tensor inner =
      Definition(at::linear(x, query.weight, query.bias), at::linear(context, key.weight, key.bias),
                 at::linear(context, value.weight, value.bias), All(3, 8));
  const at::Tensor expected = at::linear(inner, out.weight, out.bias) + x;
  EXPECT_LE(MaxDifference(attention(x, attention.KeysAndValues(context), x), expected), kTolerance);
}

TEST(TransformerBlockTest, ChosenRowsAreThoseOfTheWhole) {
  const BlockWeights weights = {
      RandomNorm(kWidth, 1), RandomLinear(kWidth, 3 * kWidth, 2), RandomLinear(kWidth, kWidth, 3),
      RandomNorm(kWidth, 4), RandomLinear(kWidth, 50, 5),         RandomLinear(50, kWidth, 6)};
  const TransformerBlock block(weights, {kHeads, 1e-5, Activation::kQuickGelu}, {});
  const at::Tensor x = Random({2, 6, kWidth}, 7);
  const at::Tensor rows = at::tensor({0, 4, 5, 2}, at::kLong).reshape({2, 2});
  const at::Tensor whole = block(x);
  EXPECT_LE(MaxDifference(block.AtRows(x, rows), TakeRows(whole, rows)), kTolerance);
  EXPECT_GT(MaxDifference(whole, x), 0.1);
}

TEST(TakeRowsTest, TakesOfEachSequenceItsOwn) {
  const at::Tensor x = at::arange(12).reshape({2, 3, 2});
  const at::Tensor rows = at::tensor({2, 0}, at::kLong).reshape({2, 1});
  EXPECT_TRUE(TakeRows(x, rows).equal(at::tensor({4, 5, 6, 7}, at::kLong).reshape({2, 1, 2})));
}

}  // namespace
}  // namespace darkroom::nn
