// SPDX-License-Identifier: Apache-2.0

#include "common/clip/tower.h"

namespace darkroom::clip {

TowerConfig ReadTower(const JsonConfig& config, const TowerDefaults& defaults) {
  TowerConfig tower;
  tower.width = config.Size("hidden_size", defaults.width);
  tower.inner = config.Size("intermediate_size", defaults.inner);
  tower.layers = config.Size("num_hidden_layers", 12, 1024);
  tower.heads = config.Size("num_attention_heads", defaults.heads);
  if (tower.width % tower.heads != 0)
    config.Refuse("num_attention_heads",
                  "it must divide hidden_size, " + std::to_string(tower.width));
  tower.epsilon = config.Number("layer_norm_eps", defaults.epsilon);
  if (!(tower.epsilon > 0)) config.Refuse("layer_norm_eps", "it must be more than 0");
  tower.activation = nn::ReadActivation(config, "hidden_act", defaults.activation);
  return tower;
}

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

Names FindNames(const Checkpoint& checkpoint, const std::string& half, const std::string& mark) {
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (!name.ends_with(half + mark)) continue;
    const std::string whole = name.substr(0, name.size() - half.size() - mark.size());
    return {whole + half, whole};
  }
  if (checkpoint.tensors().contains(mark)) return {"", ""};
  return {half, ""};  // as it should be; the reader will say what is missing
}

}  // namespace darkroom::clip
