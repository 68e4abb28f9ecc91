// SPDX-License-Identifier: Apache-2.0
//
// GroupNorm over groups of channels and all places of a picture (arXiv:1803.08494). Statistics are
// computed in float32 whatever the dtype. The order of the input, channels first or last, is kept.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_GROUP_NORM_H_
#define DARKROOM_PLUGINS_COMMON_NN_GROUP_NORM_H_

#include <ATen/ATen.h>

#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

class GroupNorm {
 public:
  GroupNorm() = default;
  GroupNorm(const NormWeights& weights, int64_t groups, double epsilon, const Placement& placement)
      : weight_(placement.Place(weights.weight)),
        bias_(placement.Place(weights.bias)),
        groups_(groups),
        epsilon_(epsilon) {}

  // batch x channels x height x width.
  at::Tensor operator()(const at::Tensor& input) const {
    return at::group_norm(input, groups_, weight_, bias_, epsilon_);
  }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  int64_t groups_ = 1;
  double epsilon_ = 0.0;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_GROUP_NORM_H_
