// SPDX-License-Identifier: Apache-2.0
//
// Numbers as a network reads them: as waves of many lengths, then through two layers.
//
// Ownership: TimeEmbedding owns its weights. Threads: immutable once made; pure functions.

#ifndef DARKROOM_PLUGINS_SDXL_TIME_EMBEDDING_H_
#define DARKROOM_PLUGINS_SDXL_TIME_EMBEDDING_H_

#include <ATen/ATen.h>

#include <string>

#include "common/nn/linear.h"
#include "common/weight_reader.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// Sines and cosines of each number times frequencies from 1 down to 1/10000: n -> n x width,
// float32, on the numbers' device. Numbers may be fractions.
at::Tensor Waves(const at::Tensor& numbers, int64_t width, const WaveConfig& config);

class TimeEmbedding {
 public:
  // NAME.linear_1 and NAME.linear_2; with `guidance`, of that many inputs, NAME.cond_proj. Throws
  // Error as WeightReader does.
  TimeEmbedding(WeightReader& reader, const std::string& name, int64_t inputs, int64_t width,
                int64_t guidance, const nn::Placement& placement);

  // batch x inputs -> batch x width. `guidance`: batch x its inputs, or undefined for none.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& guidance = {}) const;

 private:
  nn::Linear guidance_;
  nn::Linear first_;
  nn::Linear second_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_TIME_EMBEDDING_H_
