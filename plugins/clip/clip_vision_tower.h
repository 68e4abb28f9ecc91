// SPDX-License-Identifier: Apache-2.0
//
// ClipVisionTower is the half of CLIP that embeds pictures (arXiv:2103.00020): a vision transformer
// whose class token, normalised and projected, is the embedding. Of its last block only that token
// is computed.
//
// Threads and ownership are those of towers.h.

#ifndef DARKROOM_PLUGINS_CLIP_CLIP_VISION_TOWER_H_
#define DARKROOM_PLUGINS_CLIP_CLIP_VISION_TOWER_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "clip/towers.h"
#include "common/nn/layer_norm.h"
#include "common/nn/linear.h"
#include "common/nn/transformer_block.h"
#include "common/nn/vision_embedding.h"
#include "common/weight_reader.h"

namespace darkroom::clip {

class ClipVisionTower final : public VisionTower {
 public:
  // Takes PREFIXembeddings.*, PREFIXencoder.* and so on, and the projection of that name to
  // `projection` outputs. Throws Error as WeightReader does.
  ClipVisionTower(WeightReader& reader, const std::string& prefix,
                  const std::string& projection_name, const VisionConfig& config,
                  int64_t projection, const nn::Placement& placement);

  at::Tensor operator()(const at::Tensor& pixels) const override;

 private:
  nn::VisionEmbedding embedding_;
  nn::LayerNorm before_;
  std::vector<nn::TransformerBlock> blocks_;
  nn::LayerNorm after_;
  nn::Linear projection_;
};

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_CLIP_VISION_TOWER_H_
