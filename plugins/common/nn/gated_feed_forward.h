// SPDX-License-Identifier: Apache-2.0
//
// GatedFeedForward is the second half of a transformer block with a gate: down(value(x) *
// activation(gate(x))) + residual. With gelu that is GEGLU (arXiv:2002.05202).
//
// Checkpoints have value and gate as one layer, the value first. Here they are two, so that the
// activation and the product are computed where the layers' own results are.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_GATED_FEED_FORWARD_H_
#define DARKROOM_PLUGINS_COMMON_NN_GATED_FEED_FORWARD_H_

#include <ATen/ATen.h>

#include "common/nn/activation.h"
#include "common/nn/linear.h"
#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

class GatedFeedForward {
 public:
  GatedFeedForward() = default;
  // `up`: width -> 2 x inner, value and gate in this order; `down`: inner -> width.
  GatedFeedForward(const LinearWeights& up, const LinearWeights& down, Activation activation,
                   const Placement& placement);

  // ... x width both; returns ... x width.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual) const {
    return down_(value_.Times(input, gate_(input)), residual);
  }

 private:
  Linear value_;
  Linear gate_;
  Linear down_;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_GATED_FEED_FORWARD_H_
