// SPDX-License-Identifier: Apache-2.0
//
// LayerNorm over the last dimension (arXiv:1607.06450). Statistics are computed in float32 whatever
// the dtype.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_LAYER_NORM_H_
#define DARKROOM_PLUGINS_COMMON_NN_LAYER_NORM_H_

#include <ATen/ATen.h>

#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(const NormWeights& weights, double epsilon, const Placement& placement)
      : weight_(placement.Place(weights.weight)),
        bias_(placement.Place(weights.bias)),
        epsilon_(epsilon) {}

  // ... x width, of the placement's device and dtype.
  at::Tensor operator()(const at::Tensor& input) const {
    return at::layer_norm(input, weight_.sizes(), weight_, bias_, epsilon_);
  }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  double epsilon_ = 0.0;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_LAYER_NORM_H_
