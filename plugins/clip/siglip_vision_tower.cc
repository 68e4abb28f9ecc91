// SPDX-License-Identifier: Apache-2.0

#include "clip/siglip_vision_tower.h"

#include "common/clip/tower.h"
#include "common/nn/attention.h"

namespace darkroom::clip {
namespace {

nn::VisionEmbedding TakeEmbedding(WeightReader& reader, const std::string& prefix,
                                  const VisionConfig& config, const nn::Placement& placement) {
  const int64_t width = config.tower.width;
  const int64_t edge = config.patch_edge;
  const std::string name = prefix + "embeddings.";
  nn::VisionEmbeddingWeights weights;
  weights.patch = reader.Take(name + "patch_embedding.weight", {width, 3, edge, edge});
  weights.patch_bias = reader.Take(name + "patch_embedding.bias", {width});
  weights.places = reader.Take(name + "position_embedding.weight", {config.tokens(), width});
  reader.Ignore(name + "position_ids");  // 0, 1, 2, ...; in files of older versions
  return {weights, placement.Exact()};
}

}  // namespace

SiglipVisionTower::Head SiglipVisionTower::TakeHead(WeightReader& reader, const std::string& prefix,
                                                    const TowerConfig& config,
                                                    const nn::Placement& placement) {
  const int64_t width = config.width;
  const nn::Placement exact = placement.Exact();
  const at::Tensor probe = reader.Take(prefix + "probe", {1, 1, width});
  const at::Tensor weight = reader.Take(prefix + "attention.in_proj_weight", {3 * width, width});
  const at::Tensor bias = reader.Take(prefix + "attention.in_proj_bias", {3 * width});
  Head head;
  head.query = at::linear(placement.Place(probe), placement.Place(weight.slice(0, 0, width)),
                          placement.Place(bias.slice(0, 0, width)));
  head.keys_and_values = {{weight.slice(0, width), bias.slice(0, width)}, exact};
  head.out = {nn::TakeLinear(reader, prefix + "attention.out_proj", width, width), exact};
  head.norm = {nn::TakeNorm(reader, prefix + "layernorm", width), config.epsilon, placement};
  head.feed_forward = {nn::TakeLinear(reader, prefix + "mlp.fc1", width, config.inner),
                       nn::TakeLinear(reader, prefix + "mlp.fc2", config.inner, width),
                       config.activation, exact};
  return head;
}

SiglipVisionTower::SiglipVisionTower(WeightReader& reader, const std::string& prefix,
                                     const VisionConfig& config, const nn::Placement& placement)
    : heads_(config.tower.heads),
      embedding_(TakeEmbedding(reader, prefix, config, placement)),
      blocks_(TakeBlocks(reader, prefix, config.tower, placement)),
      after_(nn::TakeNorm(reader, prefix + "post_layernorm", config.tower.width),
             config.tower.epsilon, placement),
      head_(TakeHead(reader, prefix + "head.", config.tower, placement)) {}

at::Tensor SiglipVisionTower::operator()(const at::Tensor& pixels) const {
  at::Tensor x = embedding_(pixels);
  for (const nn::TransformerBlock& block : blocks_) x = block(x);
  const std::vector<at::Tensor> seen = head_.keys_and_values(after_(x)).chunk(2, -1);
  const at::Tensor query = head_.query.expand({x.size(0), -1, -1});
  x = head_.out(nn::Attend(query, seen[0], seen[1], heads_));
  return head_.feed_forward(head_.norm(x), x).squeeze(1);
}

}  // namespace darkroom::clip
