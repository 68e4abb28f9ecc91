// SPDX-License-Identifier: Apache-2.0

#include "sdxl/resnet_block.h"

namespace darkroom::sdxl {

ResnetBlock::ResnetBlock(WeightReader& reader, const std::string& name, const ResnetShape& shape,
                         const nn::Placement& placement)
    : shape_(shape),
      norm1_(nn::TakeNorm(reader, name + ".norm1", shape.inputs), shape.groups, shape.epsilon,
             placement),
      conv1_(nn::TakeConvolution(reader, name + ".conv1", shape.inputs, shape.outputs, 3), 1, 1,
             placement),
      norm2_(nn::TakeNorm(reader, name + ".norm2", shape.outputs), shape.groups, shape.epsilon,
             placement),
      conv2_(nn::TakeConvolution(reader, name + ".conv2", shape.outputs, shape.outputs, 3), 1, 1,
             placement) {
  if (shape.time_width > 0)
    time_ = nn::Linear(nn::TakeLinear(reader, name + ".time_emb_proj", shape.time_width,
                                      shape.scale_shift ? 2 * shape.outputs : shape.outputs),
                       placement);
  if (shape.inputs != shape.outputs)
    shortcut_ = nn::Convolution(
        nn::TakeConvolution(reader, name + ".conv_shortcut", shape.inputs, shape.outputs, 1), 1, 0,
        placement);
  if (placement.Copies()) reader.ReleasePages();
}

at::Tensor ResnetBlock::operator()(const at::Tensor& input, const at::Tensor& time) const {
  at::Tensor x = norm1_(input);
  x = conv1_(at::silu_(x));
  if (shape_.time_width > 0) {
    const at::Tensor moved = time_(time).unsqueeze(-1).unsqueeze(-1);
    if (shape_.scale_shift) {
      const std::vector<at::Tensor> parts = moved.chunk(2, 1);
      x = norm2_(x).mul_(1.0 + parts[0]).add_(parts[1]);
    } else {
      x = norm2_(x.add_(moved));
    }
  } else {
    x = norm2_(x);
  }
  at::silu_(x);
  x = shape_.inputs == shape_.outputs ? conv2_(x, input) : shortcut_(input, conv2_(x));
  return shape_.scale == 1.0 ? x : x.div_(shape_.scale);
}

}  // namespace darkroom::sdxl
