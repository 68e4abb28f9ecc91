// SPDX-License-Identifier: Apache-2.0

#include "sdxl/vae_blocks.h"

#include "common/nn/weights.h"

namespace darkroom::sdxl {
namespace {

// Of all norms: no file says otherwise.
constexpr double kEpsilon = 1e-6;

ResnetShape ShapeOf(const VaeConfig& config, int64_t inputs, int64_t outputs) {
  ResnetShape shape;
  shape.inputs = inputs;
  shape.outputs = outputs;
  shape.groups = config.groups;
  shape.epsilon = kEpsilon;
  return shape;
}

nn::Convolution TakeSame(WeightReader& reader, const std::string& name, int64_t inputs,
                         int64_t outputs, int64_t edge, const nn::Placement& placement) {
  return {nn::TakeConvolution(reader, name, inputs, outputs, edge), 1, edge / 2, placement};
}

nn::GroupNorm TakeGroupNorm(WeightReader& reader, const std::string& name, int64_t channels,
                            const VaeConfig& config, const nn::Placement& placement) {
  return {nn::TakeNorm(reader, name, channels), config.groups, kEpsilon, placement};
}

// Files of 2022 have another name for the layer, and some have it as a convolution of one pixel.
nn::LinearWeights TakeRenamed(WeightReader& reader, const std::string& prefix,
                              const std::string& name, const std::string& old_name, int64_t width) {
  const bool is_old =
      !reader.Has(prefix + name + ".weight") && reader.Has(prefix + old_name + ".weight");
  const std::string found = prefix + (is_old ? old_name : name);
  if (is_old && reader.Dimensions(found + ".weight") == 4)
    return nn::AsLinear(nn::TakeConvolution(reader, found, width, width, 1));
  return nn::TakeLinear(reader, found, width, width);
}

}  // namespace

VaeMiddle::VaeMiddle(WeightReader& reader, const std::string& name, const VaeConfig& config,
                     const nn::Placement& placement) {
  const int64_t width = config.channels.back();
  const ResnetShape shape = ShapeOf(config, width, width);
  resnets_.emplace_back(reader, name + ".resnets.0", shape, placement);
  resnets_.emplace_back(reader, name + ".resnets.1", shape, placement);
  if (!config.mid_attends) return;
  const std::string prefix = name + ".attentions.0.";
  norm_ = TakeGroupNorm(reader, prefix + "group_norm", width, config, placement);
  attention_.emplace(nn::Join({TakeRenamed(reader, prefix, "to_q", "query", width),
                               TakeRenamed(reader, prefix, "to_k", "key", width),
                               TakeRenamed(reader, prefix, "to_v", "value", width)}),
                     TakeRenamed(reader, prefix, "to_out.0", "proj_attn", width), 1, placement);
}

at::Tensor VaeMiddle::Attend(const at::Tensor& input) const {
  const auto sequence = [](const at::Tensor& picture) {
    return picture.permute({0, 2, 3, 1}).reshape({picture.size(0), -1, picture.size(1)});
  };
  return (*attention_)(sequence(norm_(input)), sequence(input))
      .unflatten(1, {input.size(2), input.size(3)})
      .permute({0, 3, 1, 2});
}

at::Tensor VaeMiddle::operator()(const at::Tensor& input) const {
  const at::Tensor x = resnets_.front()(input);
  return resnets_.back()(attention_ ? Attend(x) : x);
}

VaeEncoder::VaeEncoder(WeightReader& reader, const VaeConfig& config,
                       const nn::Placement& placement)
    : in_(TakeSame(reader, "encoder.conv_in", config.in_channels, config.channels.front(), 3,
                   placement)),
      middle_(reader, "encoder.mid_block", config, placement),
      norm_(TakeGroupNorm(reader, "encoder.conv_norm_out", config.channels.back(), config,
                          placement)),
      out_(TakeSame(reader, "encoder.conv_out", config.channels.back(), 2 * config.latent_channels,
                    3, placement)) {
  int64_t inputs = config.channels.front();
  for (size_t i = 0; i < config.channels.size(); ++i) {
    const std::string name = "encoder.down_blocks." + std::to_string(i);
    const int64_t width = config.channels[i];
    Stage& stage = stages_.emplace_back();
    for (int64_t j = 0; j < config.layers; ++j)
      stage.resnets.emplace_back(reader, name + ".resnets." + std::to_string(j),
                                 ShapeOf(config, j == 0 ? inputs : width, width), placement);
    if (i + 1 < config.channels.size())
      stage.down.emplace(
          nn::TakeConvolution(reader, name + ".downsamplers.0.conv", width, width, 3), 2, 0,
          placement);
    inputs = width;
  }
  if (config.has_quant)
    quant_.emplace(TakeSame(reader, "quant_conv", 2 * config.latent_channels,
                            2 * config.latent_channels, 1, placement));
}

at::Tensor VaeEncoder::operator()(const at::Tensor& pixels) const {
  at::Tensor x = in_(pixels);
  for (const Stage& stage : stages_) {
    for (const ResnetBlock& resnet : stage.resnets) x = resnet(x);
    // To the right and below alone: padding is not symmetric here.
    if (stage.down) x = (*stage.down)(at::constant_pad_nd(x, {0, 1, 0, 1}));
  }
  x = norm_(middle_(x));
  x = out_(at::silu_(x));
  return quant_ ? (*quant_)(x) : x;
}

VaeDecoder::VaeDecoder(WeightReader& reader, const VaeConfig& config,
                       const nn::Placement& placement)
    : in_(TakeSame(reader, "decoder.conv_in", config.latent_channels, config.channels.back(), 3,
                   placement)),
      middle_(reader, "decoder.mid_block", config, placement),
      norm_(TakeGroupNorm(reader, "decoder.conv_norm_out", config.channels.front(), config,
                          placement)),
      out_(TakeSame(reader, "decoder.conv_out", config.channels.front(), config.out_channels, 3,
                    placement)) {
  if (config.has_post_quant)
    post_quant_.emplace(TakeSame(reader, "post_quant_conv", config.latent_channels,
                                 config.latent_channels, 1, placement));
  const size_t count = config.channels.size();
  int64_t inputs = config.channels.back();
  for (size_t i = 0; i < count; ++i) {
    const std::string name = "decoder.up_blocks." + std::to_string(i);
    const int64_t width = config.channels[count - 1 - i];
    Stage& stage = stages_.emplace_back();
    for (int64_t j = 0; j <= config.layers; ++j)
      stage.resnets.emplace_back(reader, name + ".resnets." + std::to_string(j),
                                 ShapeOf(config, j == 0 ? inputs : width, width), placement);
    if (i + 1 < count)
      stage.up.emplace(TakeSame(reader, name + ".upsamplers.0.conv", width, width, 3, placement));
    inputs = width;
  }
}

at::Tensor VaeDecoder::operator()(const at::Tensor& latents) const {
  at::Tensor x = middle_(in_(post_quant_ ? (*post_quant_)(latents) : latents));
  for (const Stage& stage : stages_) {
    for (const ResnetBlock& resnet : stage.resnets) x = resnet(x);
    if (stage.up) x = (*stage.up)(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
  }
  x = norm_(x);
  return out_(at::silu_(x));
}

}  // namespace darkroom::sdxl
