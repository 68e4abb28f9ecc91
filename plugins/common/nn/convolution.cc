// SPDX-License-Identifier: Apache-2.0

#include "common/nn/convolution.h"

#include <optional>
#include <string_view>

#include "common/nn/onednn.h"

namespace darkroom::nn {
namespace {

// For any size of picture, since requests have any.
at::Tensor Pack(const at::Tensor& weight, int64_t stride, int64_t padding) {
  return at::mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), {padding, padding}, {stride, stride},
                                          {1, 1}, 1);
}

at::Tensor PackedConvolution(const at::Tensor& input, const at::Tensor& weight, const Bias& bias,
                             int64_t stride, int64_t padding) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const Bias&, at::IntArrayRef,
                               at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view, Scalars,
                               std::optional<std::string_view>);
  static const auto call = Operator<Signature>("mkldnn::_convolution_pointwise", "");
  return call.call(input, weight, bias, {padding, padding}, {stride, stride}, {1, 1}, 1, "none",
                   Scalars(), "");
}

at::Tensor PackedConvolutionPlus(const at::Tensor& input, const at::Tensor& residual,
                                 const at::Tensor& weight, const Bias& bias, int64_t stride,
                                 int64_t padding) {
  using Signature = at::Tensor(
      const at::Tensor&, const at::Tensor&, const at::Tensor&, const Bias&, at::IntArrayRef,
      at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view, std::optional<at::Scalar>,
      std::optional<std::string_view>, Scalars, std::optional<std::string_view>);
  static const auto call = Operator<Signature>("mkldnn::_convolution_pointwise", "binary");
  return call.call(input, residual, weight, bias, {padding, padding}, {stride, stride}, {1, 1}, 1,
                   "add", at::Scalar(1.0), std::nullopt, Scalars(), std::nullopt);
}

}  // namespace

struct Convolution::Placed {
  at::Tensor weight;
  at::Tensor bias;
};

Convolution::Convolution(const ConvolutionWeights& weights, int64_t stride, int64_t padding,
                         const Placement& placement)
    : engine_(placement.Exact().engine), stride_(stride), padding_(padding) {
  const auto placed = std::make_shared<Placed>();
  const auto put = [placed, placement, stride, padding](const ConvolutionWeights& other) {
    const at::Tensor made = placement.Place(other.weight);
    PutInPlace(&placed->weight, placement.Exact().engine == Engine::kPacked
                                    ? Pack(made, stride, padding)
                                    : made.contiguous(at::MemoryFormat::ChannelsLast));
    if (other.bias.defined()) PutInPlace(&placed->bias, placement.Place(other.bias));
  };
  put(weights);
  placed_ = placed;
  AddTo<ConvolutionWeights>(weights, engine_ == Engine::kAten ? placed->weight : at::Tensor(), put);
}

at::Tensor Convolution::operator()(const at::Tensor& input) const {
  if (engine_ == Engine::kPacked)
    return PackedConvolution(input, placed_->weight, OrNothing(placed_->bias), stride_, padding_);
  return at::conv2d(input, placed_->weight, OrNothing(placed_->bias), stride_, padding_);
}

at::Tensor Convolution::operator()(const at::Tensor& input, const at::Tensor& residual) const {
  if (engine_ == Engine::kPacked)
    return PackedConvolutionPlus(input, residual, placed_->weight, OrNothing(placed_->bias),
                                 stride_, padding_);
  return at::conv2d(input, placed_->weight, OrNothing(placed_->bias), stride_, padding_)
      .add_(residual);
}

}  // namespace darkroom::nn
