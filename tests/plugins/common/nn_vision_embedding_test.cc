// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "common/nn/vision_embedding.h"
#include "tests/plugins/common/nn_test_weights.h"

namespace darkroom::nn {
namespace {

TEST(VisionEmbeddingTest, IsTheConvolutionThatModelsAreWrittenWith) {
  const at::Tensor pixels = Random({2, 3, 8, 12}, 1);
  VisionEmbeddingWeights weights{Random({10, 3, 4, 4}, 2), Random({10}, 3), Random({1, 1, 10}, 4),
                                 Random({1, 7, 10}, 5)};
  const at::Tensor patches =
      at::conv2d(pixels, weights.patch, weights.patch_bias, 4).flatten(2).transpose(1, 2);
  const at::Tensor token = weights.class_token.expand({2, 1, 10});
  const at::Tensor expected = at::cat({token, patches}, 1) + weights.places;
  EXPECT_LE(MaxDifference(VisionEmbedding(weights, {})(pixels), expected), 1e-5);

  weights.class_token = at::Tensor();
  weights.places = weights.places.slice(1, 1);
  EXPECT_LE(MaxDifference(VisionEmbedding(weights, {})(pixels), patches + weights.places), 1e-5);
  EXPECT_THROW(VisionEmbedding(weights, {})(Random({1, 3, 8, 8}, 1)), c10::Error);
}

}  // namespace
}  // namespace darkroom::nn
