// SPDX-License-Identifier: Apache-2.0

#include "sdxl/unet_blocks.h"

namespace darkroom::sdxl {
namespace {

ResnetShape ShapeOf(const UNetConfig& config, int64_t inputs, int64_t outputs) {
  ResnetShape shape;
  shape.inputs = inputs;
  shape.outputs = outputs;
  shape.time_width = config.time_width;
  shape.groups = config.groups;
  shape.epsilon = config.epsilon;
  shape.scale_shift = config.scale_shift;
  return shape;
}

TransformerShape ShapeOf(const UNetConfig& config, const StageConfig& stage, int64_t depth) {
  TransformerShape shape;
  shape.channels = stage.channels;
  shape.heads = stage.heads;
  shape.context = stage.context;
  shape.depth = depth;
  shape.groups = config.groups;
  shape.linear_projection = config.linear_projection;
  return shape;
}

std::optional<int64_t> DepthOf(const std::vector<int64_t>& depths, int64_t index) {
  if (depths.empty()) return std::nullopt;
  return depths[static_cast<size_t>(index)];
}

}  // namespace

void BlockLayers::Add(WeightReader& reader, const std::string& name, const UNetConfig& config,
                      const StageConfig& stage, int64_t inputs, std::optional<int64_t> depth,
                      const nn::Placement& placement) {
  const std::string number = std::to_string(resnets_.size());
  resnets_.emplace_back(reader, name + ".resnets." + number,
                        ShapeOf(config, inputs, stage.channels), placement);
  if (depth)
    transformers_.emplace_back(reader, name + ".attentions." + number,
                               ShapeOf(config, stage, *depth), placement);
}

void BlockLayers::LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const {
  for (const SpatialTransformer& transformer : transformers_) transformer.LookAt(text, keys);
}

at::Tensor BlockLayers::Run(size_t index, const at::Tensor& input, StepInputs* step) const {
  const at::Tensor x = resnets_[index](input, step->time);
  return transformers_.empty() ? x : transformers_[index](x, &step->keys);
}

DownBlock::DownBlock(WeightReader& reader, const std::string& name, const UNetConfig& config,
                     const StageConfig& stage, int64_t inputs, bool last,
                     const nn::Placement& placement)
    : halves_(!last), pads_(config.down_padding == 0) {
  for (int64_t i = 0; i < stage.layers; ++i)
    layers_.Add(reader, name, config, stage, i == 0 ? inputs : stage.channels,
                DepthOf(stage.down_depths, i), placement);
  if (halves_)
    down_ = nn::Convolution(nn::TakeConvolution(reader, name + ".downsamplers.0.conv",
                                                stage.channels, stage.channels, 3),
                            2, config.down_padding, placement);
}

at::Tensor DownBlock::operator()(const at::Tensor& input, StepInputs* step,
                                 std::vector<at::Tensor>* left) const {
  at::Tensor x = input;
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_.Run(i, x, step);
    left->push_back(x);
  }
  if (halves_) {
    x = down_(pads_ ? at::constant_pad_nd(x, {0, 1, 0, 1}) : x);
    left->push_back(x);
  }
  return x;
}

MidBlock2D::MidBlock2D(WeightReader& reader, const UNetConfig& config,
                       const nn::Placement& placement) {
  const StageConfig& stage = config.stages.back();
  ResnetShape shape = ShapeOf(config, stage.channels, stage.channels);
  shape.scale = config.mid_scale;
  resnets_.emplace_back(reader, "mid_block.resnets.0", shape, placement);
  if (config.mid != MidBlock::kAttention) return;
  transformer_.emplace(reader, "mid_block.attentions.0", ShapeOf(config, stage, config.mid_depth),
                       placement);
  resnets_.emplace_back(reader, "mid_block.resnets.1", shape, placement);
}

void MidBlock2D::LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const {
  if (transformer_) transformer_->LookAt(text, keys);
}

at::Tensor MidBlock2D::operator()(const at::Tensor& input, StepInputs* step) const {
  at::Tensor x = resnets_.front()(input, step->time);
  if (transformer_) x = resnets_.back()((*transformer_)(x, &step->keys), step->time);
  return x;
}

UpBlock::UpBlock(WeightReader& reader, const std::string& name, const UNetConfig& config,
                 const StageConfig& stage, int64_t inputs, int64_t above, bool last,
                 const nn::Placement& placement)
    : doubles_(!last) {
  const int64_t blocks = stage.layers + 1;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t from_below = i == 0 ? inputs : stage.channels;
    // The last one takes what came into the stage on the way down.
    const int64_t from_left = i + 1 == blocks ? above : stage.channels;
    layers_.Add(reader, name, config, stage, from_below + from_left, DepthOf(stage.up_depths, i),
                placement);
  }
  if (doubles_)
    up_ = nn::Convolution(
        nn::TakeConvolution(reader, name + ".upsamplers.0.conv", stage.channels, stage.channels, 3),
        1, 1, placement);
}

at::Tensor UpBlock::operator()(const at::Tensor& input, StepInputs* step,
                               std::vector<at::Tensor>* left) const {
  at::Tensor x = input;
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_.Run(i, at::cat({x, left->back()}, 1), step);
    left->pop_back();
  }
  // Twice the size, or one less where halving has rounded up.
  return doubles_ ? up_(at::upsample_nearest2d(x, left->back().sizes().slice(2))) : x;
}

}  // namespace darkroom::sdxl
