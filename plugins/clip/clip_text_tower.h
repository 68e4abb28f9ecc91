// SPDX-License-Identifier: Apache-2.0
//
// ClipTextTower is the half of CLIP that embeds texts (arXiv:2103.00020): a causal transformer,
// read off where the text ends, normalised and projected. What comes after a text's end cannot
// change it, so texts are computed only as far as the longest of them goes, and of the last block
// only their ends.
//
// Threads and ownership are those of towers.h.

#ifndef DARKROOM_PLUGINS_CLIP_CLIP_TEXT_TOWER_H_
#define DARKROOM_PLUGINS_CLIP_CLIP_TEXT_TOWER_H_

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

class ClipTextTower final : public TextTower {
 public:
  // Takes PREFIXembeddings.* and so on, and the projection of that name to `projection` outputs.
  // Throws Error as WeightReader does.
  ClipTextTower(WeightReader& reader, const std::string& prefix, const std::string& projection_name,
                const TextConfig& config, int64_t projection, const nn::Placement& placement);

  // Throws Error (DR_FAILED_PRECONDITION) also when a text does not have the token that ends it.
  at::Tensor operator()(const std::vector<std::vector<int64_t>>& texts) const override;

 private:
  // Where the text is read off.
  int64_t EndOf(const std::vector<int64_t>& text) const;

  TextConfig config_;
  at::Device device_;
  at::Tensor words_;   // vocabulary x width
  at::Tensor places_;  // positions x width
  std::vector<nn::TransformerBlock> blocks_;
  nn::LayerNorm after_;
  nn::Linear projection_;
};

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_CLIP_TEXT_TOWER_H_
