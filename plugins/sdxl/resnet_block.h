// SPDX-License-Identifier: Apache-2.0
//
// ResnetBlock is the convolutional half of the denoising network and all of the autoencoder's:
//
//   h = conv1(silu(norm1(x)));  h = conv2(silu(norm2(h + time)));  (shortcut(x) + h) / scale
//
// Pictures are in the order of nn::Convolution, channels last.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_SDXL_RESNET_BLOCK_H_
#define DARKROOM_PLUGINS_SDXL_RESNET_BLOCK_H_

#include <ATen/ATen.h>

#include <string>

#include "common/nn/convolution.h"
#include "common/nn/group_norm.h"
#include "common/nn/linear.h"
#include "common/nn/placement.h"
#include "common/weight_reader.h"

namespace darkroom::sdxl {

struct ResnetShape {
  int64_t inputs = 0;
  int64_t outputs = 0;
  int64_t time_width = 0;  // 0: there is no time
  int64_t groups = 32;
  double epsilon = 1e-6;
  bool scale_shift = false;  // time gives a scale and a shift behind norm2, else a shift before it
  double scale = 1.0;
};

class ResnetBlock {
 public:
  // NAME.norm1 and so on. Throws Error as WeightReader does.
  ResnetBlock(WeightReader& reader, const std::string& name, const ResnetShape& shape,
              const nn::Placement& placement);

  // batch x inputs x height x width; `time`: batch x time width, after its activation, or undefined
  // where there is none. Returns batch x outputs x height x width.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& time = {}) const;

 private:
  ResnetShape shape_;
  nn::GroupNorm norm1_;
  nn::Convolution conv1_;
  nn::Linear time_;
  nn::GroupNorm norm2_;
  nn::Convolution conv2_;
  nn::Convolution shortcut_;  // where inputs and outputs differ
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_RESNET_BLOCK_H_
