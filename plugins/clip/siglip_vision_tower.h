// SPDX-License-Identifier: Apache-2.0
//
// SiglipVisionTower is the half of SigLIP that embeds pictures (arXiv:2303.15343): a vision
// transformer without a class token, and a head that pools its tokens by attention (as in
// arXiv:2106.04560, section 3.2): one learned query, the probe, looks at all of them, and a wide
// part behind it makes the embedding.
//
// What the probe asks does not depend on the picture: it is computed once.
//
// Threads and ownership are those of towers.h.

#ifndef DARKROOM_PLUGINS_CLIP_SIGLIP_VISION_TOWER_H_
#define DARKROOM_PLUGINS_CLIP_SIGLIP_VISION_TOWER_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "clip/towers.h"
#include "common/nn/feed_forward.h"
#include "common/nn/layer_norm.h"
#include "common/nn/linear.h"
#include "common/nn/transformer_block.h"
#include "common/nn/vision_embedding.h"
#include "common/weight_reader.h"

namespace darkroom::clip {

class SiglipVisionTower final : public VisionTower {
 public:
  // Takes PREFIXembeddings.*, PREFIXencoder.*, PREFIXhead.* and so on. Throws Error as WeightReader
  // does.
  SiglipVisionTower(WeightReader& reader, const std::string& prefix, const VisionConfig& config,
                    const nn::Placement& placement);

  at::Tensor operator()(const at::Tensor& pixels) const override;

 private:
  // The parts of the head.
  struct Head {
    at::Tensor query;  // 1 x 1 x width
    nn::Linear keys_and_values;
    nn::Linear out;
    nn::LayerNorm norm;
    nn::FeedForward feed_forward;
  };
  static Head TakeHead(WeightReader& reader, const std::string& prefix, const TowerConfig& config,
                       const nn::Placement& placement);

  int64_t heads_;
  nn::VisionEmbedding embedding_;
  std::vector<nn::TransformerBlock> blocks_;
  nn::LayerNorm after_;
  Head head_;
};

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_SIGLIP_VISION_TOWER_H_
