// SPDX-License-Identifier: Apache-2.0
//
// Linear is y = activation(x W^T + b), optionally + residual, by the engine of its placement. With
// Engine::kPacked the weights are put in oneDNN's own order once, and bias, activation and residual
// are applied while the products are still in registers: on the CPU that is 1.2 to 1.5 times as
// fast as at::linear, and more for few rows.
//
// With Engine::kInt8 each output's weights are rounded to 8 bits by their largest, and the input by
// the range of all its rows. So a row's result depends a little on the others it comes with.
//
// Ownership: its weights, packed or placed; with Engine::kAten on the CPU in the file's own dtype
// they stay in the mapping. Threads: immutable once made, but by PlacedLayers, for all copies of
// it.

#ifndef DARKROOM_PLUGINS_COMMON_NN_LINEAR_H_
#define DARKROOM_PLUGINS_COMMON_NN_LINEAR_H_

#include <ATen/ATen.h>

#include <memory>

#include "common/nn/activation.h"
#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

class Linear {
 public:
  Linear() = default;
  Linear(const LinearWeights& weights, const Placement& placement,
         Activation activation = Activation::kNone);

  // ... x inputs -> ... x outputs, of the placement's device and dtype.
  at::Tensor operator()(const at::Tensor& input) const;
  // The same + `residual`, of the result's shape. Only without an activation.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual) const;

  // The same * `factor`, of the result's shape. Only without an activation.
  at::Tensor Times(const at::Tensor& input, const at::Tensor& factor) const;

  int64_t outputs() const { return outputs_; }

 private:
  struct Placed;

  at::Tensor Int8Product(const at::Tensor& input) const;

  Engine engine_ = Engine::kAten;
  Activation activation_ = Activation::kNone;
  int64_t outputs_ = 0;
  std::shared_ptr<const Placed> placed_;
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_LINEAR_H_
