// SPDX-License-Identifier: Apache-2.0
//
// Convolution over pictures in the order that oneDNN and cuDNN are fastest in, channels last
// (at::MemoryFormat::ChannelsLast): what comes in should be in it, what goes out is. With
// Engine::kPacked the weights are put in oneDNN's own order once, not at each call, and a residual
// is added while the sums are still in registers. On the CPU that is as fast as at::conv2d where
// pictures are large, and up to three times as fast where weights are larger than they.
//
// Ownership: its weights, packed or placed. Threads: immutable once made, but by PlacedLayers, for
// all copies of it.

#ifndef DARKROOM_PLUGINS_COMMON_NN_CONVOLUTION_H_
#define DARKROOM_PLUGINS_COMMON_NN_CONVOLUTION_H_

#include <ATen/ATen.h>

#include <memory>

#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

class Convolution {
 public:
  Convolution() = default;
  // With the same padding on all four sides. There is no 8-bit convolution: Engine::kInt8 counts as
  // kPacked.
  Convolution(const ConvolutionWeights& weights, int64_t stride, int64_t padding,
              const Placement& placement);

  // batch x inputs x height x width, of the placement's device and dtype.
  at::Tensor operator()(const at::Tensor& input) const;
  // The same + `residual`, of the result's shape and order.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual) const;

 private:
  struct Placed;

  Engine engine_ = Engine::kAten;
  int64_t stride_ = 1;
  int64_t padding_ = 0;
  std::shared_ptr<const Placed> placed_;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_CONVOLUTION_H_
