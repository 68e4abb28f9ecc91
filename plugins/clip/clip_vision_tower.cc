// SPDX-License-Identifier: Apache-2.0

#include "clip/clip_vision_tower.h"

namespace darkroom::clip {
namespace {

nn::VisionEmbedding TakeEmbedding(WeightReader& reader, const std::string& prefix,
                                  const VisionConfig& config, const nn::Placement& placement) {
  const int64_t width = config.tower.width;
  const int64_t edge = config.patch_edge;
  const std::string name = prefix + "embeddings.";
  nn::VisionEmbeddingWeights weights;
  weights.patch = reader.Take(name + "patch_embedding.weight", {width, 3, edge, edge});
  weights.class_token = reader.Take(name + "class_embedding", {width});
  weights.places = reader.Take(name + "position_embedding.weight", {config.tokens(), width});
  reader.Ignore(name + "position_ids");  // 0, 1, 2, ...; in files before 2023
  return {weights, placement.Exact()};
}

}  // namespace

ClipVisionTower::ClipVisionTower(WeightReader& reader, const std::string& prefix,
                                 const std::string& projection_name, const VisionConfig& config,
                                 int64_t projection, const nn::Placement& placement)
    : embedding_(TakeEmbedding(reader, prefix, config, placement)),
      // The name is misspelt in every checkpoint.
      before_(nn::TakeNorm(reader, prefix + "pre_layrnorm", config.tower.width),
              config.tower.epsilon, placement),
      blocks_(TakeBlocks(reader, prefix, config.tower, placement)),
      after_(nn::TakeNorm(reader, prefix + "post_layernorm", config.tower.width),
             config.tower.epsilon, placement),
      projection_(nn::TakeLinear(reader, projection_name, config.tower.width, projection, false),
                  placement.Exact()) {}

at::Tensor ClipVisionTower::operator()(const at::Tensor& pixels) const {
  at::Tensor x = before_(embedding_(pixels));
  for (size_t i = 0; i + 1 < blocks_.size(); ++i) x = blocks_[i](x);
  const at::Tensor token = at::zeros({x.size(0), 1}, x.options().dtype(at::kLong));
  x = blocks_.back().AtRows(x, token);
  return projection_(after_(x.squeeze(1)));
}

}  // namespace darkroom::clip
