// SPDX-License-Identifier: Apache-2.0

#include "caption/vit_gpt2.h"

#include <optional>
#include <utility>

#include "caption/gpt2_decoder.h"
#include "caption/vision_tower.h"
#include "common/nn/weights.h"

namespace darkroom {
namespace {

constexpr const char* kEncoder = "encoder.";
constexpr const char* kDecoder = "decoder.";

struct TowerConfig {
  int64_t width = 0;
  int64_t inner_width = 0;
  int64_t layers = 0;
  int64_t image_size = 0;
  int64_t patch_size = 0;
  bool qkv_bias = true;
  nn::BlockShape block;

  int64_t Places() const {
    const int64_t edge = image_size / patch_size;
    return edge * edge + 1;
  }
};

TowerConfig ReadTower(const JsonConfig& config) {
  config.Only("model_type", std::string("vit"));
  TowerConfig tower;
  tower.width = config.Size("hidden_size", 768);
  tower.inner_width = config.Size("intermediate_size", 3072);
  tower.layers = config.Size("num_hidden_layers", 12);
  tower.image_size = config.Size("image_size", 224);
  tower.patch_size = config.Size("patch_size", 16);
  tower.qkv_bias = config.Flag("qkv_bias", true);
  tower.block.heads = config.Size("num_attention_heads", 12);
  tower.block.epsilon = config.Number("layer_norm_eps", 1e-12);
  tower.block.activation = nn::ReadActivation(config, "hidden_act", "gelu");
  config.Only("num_channels", int64_t{3});
  config.Ignore({"encoder_stride", "pooler_act", "pooler_output_size"});
  return tower;
}

VisionTower TakeTower(const TowerConfig& config, WeightReader& weights,
                      const nn::Placement& placement) {
  const std::string prefix = kEncoder;
  const int64_t width = config.width;
  nn::VisionEmbeddingWeights embedding;
  embedding.patch = weights.Take(prefix + "embeddings.patch_embeddings.projection.weight",
                                 {width, 3, config.patch_size, config.patch_size});
  embedding.patch_bias =
      weights.Take(prefix + "embeddings.patch_embeddings.projection.bias", {width});
  embedding.class_token = weights.Take(prefix + "embeddings.cls_token", {1, 1, width});
  embedding.places =
      weights.Take(prefix + "embeddings.position_embeddings", {1, config.Places(), width});
  std::vector<nn::TransformerBlock> blocks;
  for (int64_t at = 0; at < config.layers; ++at) {
    const std::string name = prefix + "encoder.layer." + std::to_string(at) + ".";
    const auto of_attention = [&](const char* part) {
      return nn::TakeLinear(weights, name + "attention.attention." + part, width, width,
                            config.qkv_bias);
    };
    nn::BlockWeights block;
    block.norm1 = nn::TakeNorm(weights, name + "layernorm_before", width);
    block.qkv = nn::Join({of_attention("query"), of_attention("key"), of_attention("value")});
    block.out = nn::TakeLinear(weights, name + "attention.output.dense", width, width);
    block.norm2 = nn::TakeNorm(weights, name + "layernorm_after", width);
    block.up = nn::TakeLinear(weights, name + "intermediate.dense", width, config.inner_width);
    block.down = nn::TakeLinear(weights, name + "output.dense", config.inner_width, width);
    blocks.emplace_back(block, config.block, placement);
  }
  // For classification; a captioner looks at all places, not at their sum.
  weights.Ignore(prefix + "pooler.dense.weight");
  weights.Ignore(prefix + "pooler.dense.bias");
  nn::LayerNorm norm(nn::TakeNorm(weights, prefix + "layernorm", width), config.block.epsilon,
                     placement);
  return {nn::VisionEmbedding(embedding, placement), std::move(blocks), std::move(norm)};
}

Gpt2Config ReadDecoder(const JsonConfig& config) {
  config.Only("model_type", std::string("gpt2"));
  config.Only("add_cross_attention", true);
  config.Only("scale_attn_weights", true);
  config.Only("scale_attn_by_inverse_layer_idx", false);
  Gpt2Config decoder;
  decoder.shape.layers = config.Size("n_layer", 12);
  decoder.shape.width = config.Size("n_embd", 768);
  decoder.shape.heads = config.Size("n_head", 12);
  decoder.shape.places = config.Size("n_positions", 1024);
  decoder.shape.vocabulary = config.Size("vocab_size", 50257);
  decoder.inner_width = config.Size("n_inner", 4 * decoder.shape.width);
  decoder.activation = nn::ReadActivation(config, "activation_function", "gelu_new");
  decoder.epsilon = config.Number("layer_norm_epsilon", 1e-5);
  decoder.tied = config.Flag("tie_word_embeddings", true);
  // It must be the encoder's width then, and there is no projection.
  config.Only("cross_attention_hidden_size", int64_t{decoder.shape.width});
  config.Ignore({"is_decoder", "n_ctx", "reorder_and_upcast_attn", "summary_activation",
                 "summary_first_dropout", "summary_proj_to_labels", "summary_type",
                 "summary_use_proj", "encoder_hidden_size"});
  return decoder;
}

class VitGpt2 final : public CaptionNetwork {
 public:
  VitGpt2(CaptionTraits traits, VisionTower tower, Gpt2Decoder decoder,
          std::optional<nn::Linear> projection)
      : traits_(std::move(traits)),
        tower_(std::move(tower)),
        decoder_(std::move(decoder)),
        projection_(std::move(projection)) {}

  const CaptionTraits& traits() const override { return traits_; }
  const DecoderStack& stack() const override { return decoder_; }
  at::Tensor Look(const at::Tensor& pixels) const override {
    const at::Tensor seen = tower_(pixels);
    return projection_.has_value() ? (*projection_)(seen) : seen;
  }

 private:
  CaptionTraits traits_;
  VisionTower tower_;
  Gpt2Decoder decoder_;
  std::optional<nn::Linear> projection_;
};

}  // namespace

std::unique_ptr<CaptionNetwork> LoadVitGpt2(const JsonConfig& config, const Checkpoint& checkpoint,
                                            const nn::Placement& placement) {
  const JsonConfig encoder = config.Section("encoder");
  const JsonConfig text = config.Section("decoder");
  const TowerConfig tower = ReadTower(encoder);
  const Gpt2Config decoder = ReadDecoder(text);
  CaptionTraits traits;
  traits.family = "ViT-GPT2";
  traits.processor = "ViTImageProcessor";
  traits.image_size = tower.image_size;
  traits.tower_width = tower.width;
  traits.context_length = tower.Places();
  // Some files say it of the whole model, some of the decoder alone.
  const int64_t bos = text.Integer("bos_token_id", 50256);
  const int64_t eos = text.Integer("eos_token_id", 50256);
  traits.first_token = config.Integer("decoder_start_token_id", bos);
  traits.end = {config.Integer("eos_token_id", eos)};
  config.Only("is_encoder_decoder", true);
  config.IgnoreMeta();
  config.IgnoreGeneration();
  config.CheckAllRead();

  WeightReader weights(checkpoint);
  VisionTower eyes = TakeTower(tower, weights, placement);
  ReleaseCopied(checkpoint, placement);
  Gpt2Decoder writer(decoder, weights, kDecoder, placement);
  std::optional<nn::Linear> projection;
  if (tower.width != decoder.shape.width)
    projection.emplace(nn::TakeLinear(weights, "enc_to_dec_proj", tower.width, decoder.shape.width),
                       placement);
  ReleaseCopied(checkpoint, placement);
  weights.CheckAllTaken();
  return std::make_unique<VitGpt2>(std::move(traits), std::move(eyes), std::move(writer),
                                   std::move(projection));
}

}  // namespace darkroom
