// SPDX-License-Identifier: Apache-2.0

#include "sdxl/time_embedding.h"

#include <cmath>

namespace darkroom::sdxl {

at::Tensor Waves(const at::Tensor& numbers, int64_t width, const WaveConfig& config) {
  const int64_t half = width / 2;
  // In float32 throughout, since the reference does it so, and a timestep of 999 makes every
  // rounding of a frequency a thousand times as large.
  const at::TensorOptions floats = numbers.options().dtype(at::kFloat);
  const at::Tensor exponents =
      at::arange(half, floats).mul_(-std::log(10000.0)).div_(half - config.shift);
  const at::Tensor angles = numbers.to(at::kFloat).unsqueeze(1) * exponents.exp().unsqueeze(0);
  const at::Tensor sines = angles.sin();
  const at::Tensor cosines = angles.cos();
  const at::Tensor waves =
      config.cosines_first ? at::cat({cosines, sines}, 1) : at::cat({sines, cosines}, 1);
  return width % 2 == 0 ? waves : at::constant_pad_nd(waves, {0, 1});
}

TimeEmbedding::TimeEmbedding(WeightReader& reader, const std::string& name, int64_t inputs,
                             int64_t width, int64_t guidance, const nn::Placement& placement)
    : first_(nn::TakeLinear(reader, name + ".linear_1", inputs, width), placement,
             nn::Activation::kSilu),
      second_(nn::TakeLinear(reader, name + ".linear_2", width, width), placement) {
  if (guidance > 0)
    guidance_ =
        nn::Linear(nn::TakeLinear(reader, name + ".cond_proj", guidance, inputs, false), placement);
}

at::Tensor TimeEmbedding::operator()(const at::Tensor& input, const at::Tensor& guidance) const {
  return second_(first_(guidance.defined() ? guidance_(guidance, input) : input));
}

}  // namespace darkroom::sdxl
