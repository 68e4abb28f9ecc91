// SPDX-License-Identifier: Apache-2.0

#include "common/nn/gated_feed_forward.h"

namespace darkroom::nn {
namespace {

LinearWeights Part(const LinearWeights& layer, int64_t index) {
  const auto part = [index](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.chunk(2)[static_cast<size_t>(index)] : tensor;
  };
  return Derived<LinearWeights>(layer, [part](const LinearWeights& whole) {
    return LinearWeights{part(whole.weight), part(whole.bias)};
  });
}

}  // namespace

GatedFeedForward::GatedFeedForward(const LinearWeights& up, const LinearWeights& down,
                                   Activation activation, const Placement& placement)
    : value_(Part(up, 0), placement),
      gate_(Part(up, 1), placement, activation),
      down_(down, placement) {}

}  // namespace darkroom::nn
