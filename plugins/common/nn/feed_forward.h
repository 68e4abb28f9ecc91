// SPDX-License-Identifier: Apache-2.0
//
// FeedForward is the second half of a transformer block: down(activation(up(x))) + residual.
//
// Packed, quick_gelu costs no pass of its own: x sigmoid(1.702 x) is silu(1.702 x) / 1.702, silu is
// one of oneDNN's own, and the two factors go into the weights before and behind it.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_FEED_FORWARD_H_
#define DARKROOM_PLUGINS_COMMON_NN_FEED_FORWARD_H_

#include <ATen/ATen.h>

#include "common/nn/activation.h"
#include "common/nn/linear.h"
#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

class FeedForward {
 public:
  FeedForward() = default;
  FeedForward(const LinearWeights& up, const LinearWeights& down, Activation activation,
              const Placement& placement);

  // ... x width both; returns ... x width.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual) const {
    return down_(up_(input), residual);
  }

 private:
  Linear up_;
  Linear down_;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_FEED_FORWARD_H_
