// SPDX-License-Identifier: Apache-2.0

#include "common/nn/vision_embedding.h"

namespace darkroom::nn {

VisionEmbedding::VisionEmbedding(const VisionEmbeddingWeights& weights, const Placement& placement)
    : edge_(weights.patch.size(3)),
      has_token_(weights.class_token.defined()),
      patch_({weights.patch.flatten(1), weights.patch_bias}, placement) {
  const int64_t width = weights.patch.size(0);
  const at::Tensor places = placement.Place(weights.places).reshape({1, -1, width});
  places_ = places.slice(1, has_token_ ? 1 : 0);
  if (has_token_)
    first_ = placement.Place(weights.class_token).reshape({1, 1, width}) + places.slice(1, 0, 1);
}

at::Tensor VisionEmbedding::operator()(const at::Tensor& pixels) const {
  const int64_t batch = pixels.size(0);
  const int64_t rows = pixels.size(2) / edge_;
  const int64_t columns = pixels.size(3) / edge_;
  TORCH_CHECK(pixels.size(1) == 3 && rows * columns == places_.size(1), "a picture of ",
              pixels.sizes(), " does not fit ", places_.size(1), " patches of ", edge_, " x ",
              edge_);
  const at::Tensor cut = pixels.slice(2, 0, rows * edge_)
                             .slice(3, 0, columns * edge_)
                             .reshape({batch, 3, rows, edge_, columns, edge_})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({batch, rows * columns, 3 * edge_ * edge_});
  at::Tensor patches = patch_(cut).add_(places_);
  if (!has_token_) return patches;
  return at::cat({first_.expand({batch, 1, patches.size(2)}), patches}, 1);
}

}  // namespace darkroom::nn
