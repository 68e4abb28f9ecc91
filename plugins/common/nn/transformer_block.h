// SPDX-License-Identifier: Apache-2.0
//
// TransformerBlock is one pre-norm layer of a transformer, as the towers of CLIP, BLIP's and ViT's
// vision and GPT-like texts have it:
//
//   x = x + attention(norm1(x));  x = x + down(activation(up(norm2(x))))
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_TRANSFORMER_BLOCK_H_
#define DARKROOM_PLUGINS_COMMON_NN_TRANSFORMER_BLOCK_H_

#include <ATen/ATen.h>

#include "common/nn/attention.h"
#include "common/nn/feed_forward.h"
#include "common/nn/layer_norm.h"

namespace darkroom::nn {

struct BlockWeights {
  NormWeights norm1;
  LinearWeights qkv;
  LinearWeights out;
  NormWeights norm2;
  LinearWeights up;
  LinearWeights down;
};

struct BlockShape {
  int64_t heads = 0;
  double epsilon = 1e-5;
  Activation activation = Activation::kGelu;
};

class TransformerBlock {
 public:
  TransformerBlock(const BlockWeights& weights, const BlockShape& shape, const Placement& placement)
      : norm1_(weights.norm1, shape.epsilon, placement),
        norm2_(weights.norm2, shape.epsilon, placement),
        attention_(weights.qkv, weights.out, shape.heads, placement),
        feed_forward_(weights.up, weights.down, shape.activation, placement) {}

  // batch x length x width.
  at::Tensor operator()(const at::Tensor& input, const Sight& sight = {}) const {
    const at::Tensor x = attention_(norm1_(input), input, sight);
    return feed_forward_(norm2_(x), x);
  }
  // The same at `rows` (batch x queries, int64) alone: batch x queries x width. See
  // SelfAttention::AtRows.
  at::Tensor AtRows(const at::Tensor& input, const at::Tensor& rows,
                    const Sight& sight = {}) const {
    const at::Tensor x = attention_.AtRows(norm1_(input), rows, TakeRows(input, rows), sight);
    return feed_forward_(norm2_(x), x);
  }

 private:
  LayerNorm norm1_;
  LayerNorm norm2_;
  SelfAttention attention_;
  FeedForward feed_forward_;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_TRANSFORMER_BLOCK_H_
