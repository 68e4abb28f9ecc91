// SPDX-License-Identifier: Apache-2.0

#include "caption/gpt2_decoder.h"

#include "common/nn/weights.h"

namespace darkroom {

Gpt2Decoder::Gpt2Decoder(const Gpt2Config& config, WeightReader& weights, const std::string& prefix,
                         const nn::Placement& placement)
    : shape_(config.shape) {
  const int64_t width = shape_.width;
  const std::string body = prefix + "transformer.";
  const at::Tensor words = weights.Take(body + "wte.weight", {shape_.vocabulary, width});
  words_ = placement.Place(words);
  places_ = placement.Place(weights.Take(body + "wpe.weight", {shape_.places, width}));
  for (int64_t layer = 0; layer < shape_.layers; ++layer)
    layers_.push_back(
        TakeLayer(config, weights, body + "h." + std::to_string(layer) + ".", placement));
  norm_ = {nn::TakeNorm(weights, body + "ln_f", width), config.epsilon, placement};
  at::Tensor scores = words;
  if (config.tied) {
    weights.Ignore(prefix + "lm_head.weight");
  } else {
    scores = weights.Take(prefix + "lm_head.weight", {shape_.vocabulary, width});
  }
  scores_ = {{scores, {}}, placement};
}

Gpt2Decoder::Layer Gpt2Decoder::TakeLayer(const Gpt2Config& config, WeightReader& weights,
                                          const std::string& name, const nn::Placement& placement) {
  const int64_t width = config.shape.width;
  const auto linear = [&](const std::string& part, int64_t inputs, int64_t outputs) {
    return nn::TakeTurnedLinear(weights, name + part, inputs, outputs);
  };
  const auto norm = [&](const std::string& part) {
    return nn::LayerNorm(nn::TakeNorm(weights, name + part, width), config.epsilon, placement);
  };
  Layer layer;
  layer.norm = norm("ln_1");
  layer.qkv = {linear("attn.c_attn", width, 3 * width), placement};
  layer.out = {linear("attn.c_proj", width, width), placement};
  layer.context_norm = norm("ln_cross_attn");
  layer.context_query = {linear("crossattention.q_attn", width, width), placement};
  layer.context_kv = {linear("crossattention.c_attn", width, 2 * width), placement};
  layer.context_out = {linear("crossattention.c_proj", width, width), placement};
  layer.last_norm = norm("ln_2");
  layer.feed_forward = {linear("mlp.c_fc", width, config.inner_width),
                        linear("mlp.c_proj", config.inner_width, width), config.activation,
                        placement};
  // Masks that files of older versions have.
  for (const char* part : {"attn.", "crossattention."}) {
    weights.Ignore(name + part + "bias");
    weights.Ignore(name + part + "masked_bias");
  }
  return layer;
}

at::Tensor Gpt2Decoder::KeysAndValues(int64_t layer, const at::Tensor& context) const {
  return layers_[static_cast<size_t>(layer)].context_kv(context);
}

at::Tensor Gpt2Decoder::Embed(const at::Tensor& tokens, int64_t place) const {
  return at::embedding(words_, tokens) + places_.narrow(0, place, tokens.size(1));
}

at::Tensor Gpt2Decoder::RunLayer(int64_t layer, const at::Tensor& x, DecoderMemory& memory) const {
  const Layer& part = layers_[static_cast<size_t>(layer)];
  at::Tensor y = part.out(memory.AttendText(layer, part.qkv(part.norm(x))), x);
  y = part.context_out(memory.AttendContext(layer, part.context_query(part.context_norm(y))), y);
  return part.feed_forward(part.last_norm(y), y);
}

at::Tensor Gpt2Decoder::Score(const at::Tensor& x) const { return scores_(norm_(x)); }

}  // namespace darkroom
