// SPDX-License-Identifier: Apache-2.0

#include "sdxl/spatial_transformer.h"

namespace darkroom::sdxl {
namespace {

// Not those of the network's config: every file of this kind has these.
constexpr double kGroupEpsilon = 1e-6;
constexpr double kLayerEpsilon = 1e-5;
// The feed-forward part is this many times as wide.
constexpr int64_t kInner = 4;

nn::LinearWeights TakeProjection(WeightReader& reader, const std::string& name,
                                 const TransformerShape& shape) {
  const int64_t width = shape.channels;
  return shape.linear_projection ? nn::TakeLinear(reader, name, width, width)
                                 : nn::AsLinear(nn::TakeConvolution(reader, name, width, width, 1));
}

}  // namespace

SpatialTransformer::Layer SpatialTransformer::TakeLayer(WeightReader& reader,
                                                        const std::string& name,
                                                        const TransformerShape& shape,
                                                        const nn::Placement& placement) {
  const int64_t width = shape.channels;
  const auto norm = [&](const char* part) {
    return nn::LayerNorm(nn::TakeNorm(reader, name + part, width), kLayerEpsilon, placement);
  };
  const auto linear = [&](const char* part, int64_t inputs, bool has_bias = false) {
    return nn::TakeLinear(reader, name + part, inputs, width, has_bias);
  };
  Layer layer;
  layer.norm1 = norm("norm1");
  layer.self = nn::SelfAttention(nn::Join({linear("attn1.to_q", width), linear("attn1.to_k", width),
                                           linear("attn1.to_v", width)}),
                                 linear("attn1.to_out.0", width, true), shape.heads, placement);
  layer.norm2 = norm("norm2");
  layer.cross = nn::CrossAttention(
      linear("attn2.to_q", width),
      nn::Join({linear("attn2.to_k", shape.context), linear("attn2.to_v", shape.context)}),
      linear("attn2.to_out.0", width, true), shape.heads, placement);
  layer.norm3 = norm("norm3");
  const int64_t inner = kInner * width;
  layer.feed_forward = nn::GatedFeedForward(
      nn::TakeLinear(reader, name + "ff.net.0.proj", width, 2 * inner),
      nn::TakeLinear(reader, name + "ff.net.2", inner, width), nn::Activation::kGelu, placement);
  return layer;
}

SpatialTransformer::SpatialTransformer(WeightReader& reader, const std::string& name,
                                       const TransformerShape& shape,
                                       const nn::Placement& placement)
    : norm_(nn::TakeNorm(reader, name + ".norm", shape.channels), shape.groups, kGroupEpsilon,
            placement),
      in_(TakeProjection(reader, name + ".proj_in", shape), placement),
      out_(TakeProjection(reader, name + ".proj_out", shape), placement) {
  for (int64_t i = 0; i < shape.depth; ++i) {
    layers_.push_back(TakeLayer(reader, name + ".transformer_blocks." + std::to_string(i) + ".",
                                shape, placement));
    if (placement.Copies()) reader.ReleasePages();
  }
}

void SpatialTransformer::LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const {
  for (const Layer& layer : layers_) keys->push_back(layer.cross.KeysAndValues(text));
}

at::Tensor SpatialTransformer::operator()(const at::Tensor& input, const at::Tensor** keys) const {
  // Channels last, a picture lies in memory as its sequence does.
  const auto sequence = [](const at::Tensor& picture) {
    return picture.permute({0, 2, 3, 1}).reshape({picture.size(0), -1, picture.size(1)});
  };
  at::Tensor x = in_(sequence(norm_(input)));
  for (const Layer& layer : layers_) {
    x = layer.self(layer.norm1(x), x);
    x = layer.cross(layer.norm2(x), *(*keys)++, x);
    x = layer.feed_forward(layer.norm3(x), x);
  }
  return out_(x, sequence(input))
      .unflatten(1, {input.size(2), input.size(3)})
      .permute({0, 3, 1, 2});
}

}  // namespace darkroom::sdxl
