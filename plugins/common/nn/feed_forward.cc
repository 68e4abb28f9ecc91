// SPDX-License-Identifier: Apache-2.0

#include "common/nn/feed_forward.h"

namespace darkroom::nn {
namespace {

// Also in float32 where the file has halves: the factor must not be rounded into those.
LinearWeights Scaled(const LinearWeights& layer, double factor, bool with_bias) {
  return Derived<LinearWeights>(layer, [factor, with_bias](const LinearWeights& weights) {
    LinearWeights scaled = {weights.weight.to(at::kFloat) * factor, weights.bias};
    if (with_bias && weights.bias.defined()) scaled.bias = weights.bias.to(at::kFloat) * factor;
    return scaled;
  });
}

}  // namespace

FeedForward::FeedForward(const LinearWeights& up, const LinearWeights& down, Activation activation,
                         const Placement& placement) {
  if (placement.engine != Engine::kAten && activation == Activation::kQuickGelu) {
    up_ = Linear(Scaled(up, kQuickGeluScale, true), placement, Activation::kSilu);
    down_ = Linear(Scaled(down, 1.0 / kQuickGeluScale, false), placement);
    return;
  }
  up_ = Linear(up, placement, activation);
  down_ = Linear(down, placement);
}

}  // namespace darkroom::nn
