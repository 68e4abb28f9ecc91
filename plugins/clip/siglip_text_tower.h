// SPDX-License-Identifier: Apache-2.0
//
// SiglipTextTower is the half of SigLIP that embeds texts (arXiv:2303.15343): a transformer that
// looks both ways, read off at its last place and projected. Texts are filled up to all places, and
// what they are filled up with is looked at like any other token: so the network was trained. Of
// the last block only the last place is computed.
//
// Threads and ownership are those of towers.h.

#ifndef DARKROOM_PLUGINS_CLIP_SIGLIP_TEXT_TOWER_H_
#define DARKROOM_PLUGINS_CLIP_SIGLIP_TEXT_TOWER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clip/towers.h"
#include "common/nn/layer_norm.h"
#include "common/nn/linear.h"
#include "common/nn/transformer_block.h"
#include "common/weight_reader.h"

namespace darkroom::clip {

class SiglipTextTower final : public TextTower {
 public:
  // Takes PREFIXembeddings.*, PREFIXencoder.*, PREFIXhead.* and so on. Throws Error as WeightReader
  // does.
  SiglipTextTower(WeightReader& reader, const std::string& prefix, const TextConfig& config,
                  int64_t projection, const nn::Placement& placement);

  at::Tensor operator()(const std::vector<std::vector<int64_t>>& texts) const override;

 private:
  TextConfig config_;
  at::Device device_;
  at::Tensor words_;   // vocabulary x width
  at::Tensor places_;  // positions x width
  std::vector<nn::TransformerBlock> blocks_;
  nn::LayerNorm after_;
  nn::Linear head_;
};

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_SIGLIP_TEXT_TOWER_H_
