// SPDX-License-Identifier: Apache-2.0

#include "clip/blocks.h"

namespace darkroom::clip {

std::vector<nn::TransformerBlock> TakeBlocks(WeightReader& reader, const std::string& prefix,
                                             const TowerConfig& config,
                                             const nn::Placement& placement) {
  const int64_t width = config.width;
  const nn::BlockShape shape{config.heads, config.epsilon, config.activation};
  std::vector<nn::TransformerBlock> blocks;
  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string name = prefix + "encoder.layers." + std::to_string(i) + ".";
    const auto linear = [&](const char* part, int64_t inputs, int64_t outputs) {
      return nn::TakeLinear(reader, name + part, inputs, outputs);
    };
    nn::BlockWeights weights;
    weights.norm1 = nn::TakeNorm(reader, name + "layer_norm1", width);
    weights.qkv = nn::Join({linear("self_attn.q_proj", width, width),
                            linear("self_attn.k_proj", width, width),
                            linear("self_attn.v_proj", width, width)});
    weights.out = linear("self_attn.out_proj", width, width);
    weights.norm2 = nn::TakeNorm(reader, name + "layer_norm2", width);
    weights.up = linear("mlp.fc1", width, config.inner);
    weights.down = linear("mlp.fc2", config.inner, width);
    blocks.emplace_back(weights, shape, placement);
    if (placement.Copies()) reader.ReleasePages();
  }
  return blocks;
}

}  // namespace darkroom::clip
