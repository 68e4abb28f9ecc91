// SPDX-License-Identifier: Apache-2.0
//
// VisionTower is a vision transformer as captioners have it: patches, blocks, and a norm over all
// that comes out, class token included (arXiv:2010.11929). BLIP's and ViT's differ in names alone.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_CAPTION_VISION_TOWER_H_
#define DARKROOM_PLUGINS_CAPTION_VISION_TOWER_H_

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "common/nn/layer_norm.h"
#include "common/nn/transformer_block.h"
#include "common/nn/vision_embedding.h"

namespace darkroom {

class VisionTower {
 public:
  VisionTower(nn::VisionEmbedding embedding, std::vector<nn::TransformerBlock> blocks,
              nn::LayerNorm norm)
      : embedding_(std::move(embedding)), blocks_(std::move(blocks)), norm_(std::move(norm)) {}

  // batch x 3 x height x width -> batch x (1 + patches) x width of the tower.
  at::Tensor operator()(const at::Tensor& pixels) const {
    at::Tensor x = embedding_(pixels);
    for (const nn::TransformerBlock& block : blocks_) x = block(x);
    return norm_(x);
  }

 private:
  nn::VisionEmbedding embedding_;
  std::vector<nn::TransformerBlock> blocks_;
  nn::LayerNorm norm_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_VISION_TOWER_H_
