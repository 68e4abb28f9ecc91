// SPDX-License-Identifier: Apache-2.0

#include "caption/blip.h"

#include <utility>

#include "caption/blip_decoder.h"
#include "caption/vision_tower.h"
#include "common/nn/weights.h"

namespace darkroom {
namespace {

constexpr const char* kVision = "vision_model.";
constexpr const char* kText = "text_decoder.";

struct TowerConfig {
  int64_t width = 0;
  int64_t inner_width = 0;
  int64_t layers = 0;
  int64_t image_size = 0;
  int64_t patch_size = 0;
  nn::BlockShape block;

  int64_t Places() const {
    const int64_t edge = image_size / patch_size;
    return edge * edge + 1;
  }
};

TowerConfig ReadTower(const JsonConfig& config) {
  TowerConfig tower;
  tower.width = config.Size("hidden_size", 768);
  tower.inner_width = config.Size("intermediate_size", 3072);
  tower.layers = config.Size("num_hidden_layers", 12);
  tower.image_size = config.Size("image_size", 384);
  tower.patch_size = config.Size("patch_size", 16);
  tower.block.heads = config.Size("num_attention_heads", 12);
  tower.block.epsilon = config.Number("layer_norm_eps", 1e-5);
  tower.block.activation = nn::ReadActivation(config, "hidden_act", "gelu");
  config.Only("num_channels", int64_t{3});
  config.Ignore({"projection_dim"});
  return tower;
}

VisionTower TakeTower(const TowerConfig& config, WeightReader& weights,
                      const nn::Placement& placement) {
  const std::string prefix = kVision;
  const int64_t width = config.width;
  nn::VisionEmbeddingWeights embedding;
  embedding.patch = weights.Take(prefix + "embeddings.patch_embedding.weight",
                                 {width, 3, config.patch_size, config.patch_size});
  embedding.patch_bias = weights.Take(prefix + "embeddings.patch_embedding.bias", {width});
  embedding.class_token = weights.Take(prefix + "embeddings.class_embedding", {1, 1, width});
  embedding.places =
      weights.Take(prefix + "embeddings.position_embedding", {1, config.Places(), width});
  weights.Ignore(prefix + "embeddings.position_ids");
  std::vector<nn::TransformerBlock> blocks;
  for (int64_t at = 0; at < config.layers; ++at) {
    const std::string name = prefix + "encoder.layers." + std::to_string(at) + ".";
    nn::BlockWeights block;
    block.norm1 = nn::TakeNorm(weights, name + "layer_norm1", width);
    block.qkv = nn::TakeLinear(weights, name + "self_attn.qkv", width, 3 * width);
    block.out = nn::TakeLinear(weights, name + "self_attn.projection", width, width);
    block.norm2 = nn::TakeNorm(weights, name + "layer_norm2", width);
    block.up = nn::TakeLinear(weights, name + "mlp.fc1", width, config.inner_width);
    block.down = nn::TakeLinear(weights, name + "mlp.fc2", config.inner_width, width);
    blocks.emplace_back(block, config.block, placement);
  }
  nn::LayerNorm norm(nn::TakeNorm(weights, prefix + "post_layernorm", width), config.block.epsilon,
                     placement);
  return {nn::VisionEmbedding(embedding, placement), std::move(blocks), std::move(norm)};
}

// `tied`: what the whole model says.
BlipDecoderConfig ReadDecoder(const JsonConfig& config, int64_t context_width, bool tied) {
  BlipDecoderConfig decoder;
  decoder.shape.layers = config.Size("num_hidden_layers", 12);
  decoder.shape.width = config.Size("hidden_size", 768);
  // The class' default, which its published configurations override.
  decoder.shape.heads = config.Size("num_attention_heads", 8);
  decoder.shape.places = config.Size("max_position_embeddings", 512);
  decoder.shape.vocabulary = config.Size("vocab_size", 30524);
  decoder.inner_width = config.Size("intermediate_size", 3072);
  decoder.context_width = context_width;
  decoder.activation = nn::ReadActivation(config, "hidden_act", "gelu");
  decoder.epsilon = config.Number("layer_norm_eps", 1e-12);
  decoder.tied = config.Flag("tie_word_embeddings", tied) && tied;
  config.Only("is_decoder", true);
  config.Only("add_cross_attention", false);
  // transformers takes the tower's width whatever this says.
  config.Ignore({"encoder_hidden_size", "projection_dim", "label_smoothing"});
  return decoder;
}

class Blip final : public CaptionNetwork {
 public:
  Blip(CaptionTraits traits, VisionTower tower, BlipDecoder decoder)
      : traits_(std::move(traits)), tower_(std::move(tower)), decoder_(std::move(decoder)) {}

  const CaptionTraits& traits() const override { return traits_; }
  const DecoderStack& stack() const override { return decoder_; }
  at::Tensor Look(const at::Tensor& pixels) const override { return tower_(pixels); }

 private:
  CaptionTraits traits_;
  VisionTower tower_;
  BlipDecoder decoder_;
};

}  // namespace

std::unique_ptr<CaptionNetwork> LoadBlip(const JsonConfig& config, const Checkpoint& checkpoint,
                                         const nn::Placement& placement) {
  const bool tied = config.Flag("tie_word_embeddings", true);
  const JsonConfig vision = config.Section("vision_config");
  const JsonConfig text = config.Section("text_config");
  const TowerConfig tower = ReadTower(vision);
  const BlipDecoderConfig decoder = ReadDecoder(text, tower.width, tied);
  CaptionTraits traits;
  traits.family = "BLIP";
  traits.processor = "BlipImageProcessor";
  traits.image_size = tower.image_size;
  traits.tower_width = tower.width;
  traits.context_length = tower.Places();
  traits.first_token = text.Integer("bos_token_id", 30522);
  traits.end = {text.Integer("sep_token_id", 102)};
  config.IgnoreMeta();
  config.IgnoreGeneration();
  config.Ignore({"projection_dim", "logit_scale_init_value", "image_text_hidden_size",
                 "label_smoothing", "use_cache"});
  config.CheckAllRead();

  WeightReader weights(checkpoint);
  VisionTower eyes = TakeTower(tower, weights, placement);
  ReleaseCopied(checkpoint, placement);
  BlipDecoder writer(decoder, weights, kText, placement);
  ReleaseCopied(checkpoint, placement);
  weights.CheckAllTaken();
  return std::make_unique<Blip>(std::move(traits), std::move(eyes), std::move(writer));
}

}  // namespace darkroom
