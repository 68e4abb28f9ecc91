// SPDX-License-Identifier: Apache-2.0

#include "caption/blip_decoder.h"

#include "common/nn/weights.h"

namespace darkroom {

BlipDecoder::BlipDecoder(const BlipDecoderConfig& config, WeightReader& weights,
                         const std::string& prefix, const nn::Placement& placement)
    : shape_(config.shape) {
  const int64_t width = shape_.width;
  const std::string embeddings = prefix + "bert.embeddings.";
  const at::Tensor words =
      weights.Take(embeddings + "word_embeddings.weight", {shape_.vocabulary, width});
  words_ = placement.Place(words);
  places_ = placement.Place(
      weights.Take(embeddings + "position_embeddings.weight", {shape_.places, width}));
  norm_ = {nn::TakeNorm(weights, embeddings + "LayerNorm", width), config.epsilon, placement};
  // A list of numbers that files of older versions have.
  weights.Ignore(embeddings + "position_ids");
  for (int64_t layer = 0; layer < shape_.layers; ++layer)
    layers_.push_back(TakeLayer(
        config, weights, prefix + "bert.encoder.layer." + std::to_string(layer) + ".", placement));

  const std::string head = prefix + "cls.predictions.";
  transform_ = {nn::TakeLinear(weights, head + "transform.dense", width, width), placement,
                config.activation};
  transform_norm_ = {nn::TakeNorm(weights, head + "transform.LayerNorm", width), config.epsilon,
                     placement};
  nn::LinearWeights scores;
  if (config.tied) {
    // Files of older versions have them a second time under the names that are tied.
    weights.Ignore(head + "decoder.weight");
    weights.Ignore(head + "decoder.bias");
    scores = {words, weights.Take(head + "bias", {shape_.vocabulary})};
  } else {
    scores = nn::TakeLinear(weights, head + "decoder", width, shape_.vocabulary);
    weights.Ignore(head + "bias");
  }
  scores_ = {scores, placement};
}

BlipDecoder::Layer BlipDecoder::TakeLayer(const BlipDecoderConfig& config, WeightReader& weights,
                                          const std::string& name, const nn::Placement& placement) {
  const int64_t width = config.shape.width;
  const auto linear = [&](const std::string& part, int64_t inputs, int64_t outputs) {
    return nn::TakeLinear(weights, name + part, inputs, outputs);
  };
  const auto norm = [&](const std::string& part) {
    return nn::LayerNorm(nn::TakeNorm(weights, name + part, width), config.epsilon, placement);
  };
  Layer layer;
  layer.qkv = {nn::Join({linear("attention.self.query", width, width),
                         linear("attention.self.key", width, width),
                         linear("attention.self.value", width, width)}),
               placement};
  layer.out = {linear("attention.output.dense", width, width), placement};
  layer.norm = norm("attention.output.LayerNorm");
  layer.context_query = {linear("crossattention.self.query", width, width), placement};
  layer.context_kv = {nn::Join({linear("crossattention.self.key", config.context_width, width),
                                linear("crossattention.self.value", config.context_width, width)}),
                      placement};
  layer.context_out = {linear("crossattention.output.dense", width, width), placement};
  layer.context_norm = norm("crossattention.output.LayerNorm");
  layer.feed_forward = {linear("intermediate.dense", width, config.inner_width),
                        linear("output.dense", config.inner_width, width), config.activation,
                        placement};
  layer.last_norm = norm("output.LayerNorm");
  return layer;
}

at::Tensor BlipDecoder::KeysAndValues(int64_t layer, const at::Tensor& context) const {
  return layers_[static_cast<size_t>(layer)].context_kv(context);
}

at::Tensor BlipDecoder::Embed(const at::Tensor& tokens, int64_t place) const {
  return norm_(at::embedding(words_, tokens) + places_.narrow(0, place, tokens.size(1)));
}

at::Tensor BlipDecoder::RunLayer(int64_t layer, const at::Tensor& x, DecoderMemory& memory) const {
  const Layer& part = layers_[static_cast<size_t>(layer)];
  at::Tensor y = part.norm(part.out(memory.AttendText(layer, part.qkv(x)), x));
  y = part.context_norm(part.context_out(memory.AttendContext(layer, part.context_query(y)), y));
  return part.last_norm(part.feed_forward(y, y));
}

at::Tensor BlipDecoder::Score(const at::Tensor& x) const {
  return scores_(transform_norm_(transform_(x)));
}

}  // namespace darkroom
