// SPDX-License-Identifier: Apache-2.0

#include "common/nn/linear.h"

#include <ATen/cpu/Utils.h>
#include <ATen/native/quantized/PackedParams.h>

#include <optional>
#include <string_view>

#include "common/nn/onednn.h"

namespace darkroom::nn {
namespace {

at::Tensor Pack(const at::Tensor& weight) {
  using Signature = at::Tensor(const at::Tensor&, std::optional<int64_t>);
  static const auto call = Operator<Signature>("mkldnn::_reorder_linear_weight", "");
  return call.call(weight, std::nullopt);
}

at::Tensor PackedLinear(const at::Tensor& input, const at::Tensor& weight, const Bias& bias,
                        std::string_view attribute, std::string_view algorithm) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const Bias&, std::string_view,
                               Scalars, std::optional<std::string_view>);
  static const auto call = Operator<Signature>("mkldnn::_linear_pointwise", "");
  return call.call(input, weight, bias, attribute, Scalars(), algorithm);
}

// `operation`: "add" or "mul", of the product with `other`.
at::Tensor PackedLinearWith(const at::Tensor& input, const at::Tensor& other,
                            const at::Tensor& weight, const Bias& bias,
                            std::string_view operation) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const Bias&,
                               std::string_view);
  static const auto call = Operator<Signature>("mkldnn::_linear_pointwise", "binary");
  return call.call(input, other, weight, bias, operation);
}

using Int8Weights = c10::intrusive_ptr<LinearPackedParamsBase>;

Int8Weights PackInt8(const at::Tensor& weight, const Bias& bias) {
  using Signature = Int8Weights(at::Tensor, Bias);
  static const auto call = Operator<Signature>("quantized::linear_prepack", "");
  // Symmetric, so that zeros stay zeros; a row of zeros may have any scale.
  const at::Tensor scales =
      std::get<0>(weight.abs().max(1)).to(at::kDouble).div(127.0).clamp_min(1e-12);
  const at::Tensor zeros = at::zeros({weight.size(0)}, at::kLong);
  return call.call(at::quantize_per_channel(weight, scales, zeros, 0, at::kQInt8), bias);
}

}  // namespace

struct Linear::Placed {
  at::Tensor weight;
  at::Tensor bias;
  Int8Weights int8;  // in place of both

  void Put(const LinearWeights& weights, const Placement& placement) {
    at::Tensor made = placement.Place(weights.weight);
    if (placement.engine == Engine::kInt8) {
      const Bias placed = weights.bias.defined() ? Bias(placement.Place(weights.bias)) : Bias();
      int8 = PackInt8(made.contiguous(), placed);
      return;
    }
    PutInPlace(&weight, placement.engine == Engine::kPacked ? Pack(made) : std::move(made));
    if (weights.bias.defined()) PutInPlace(&bias, placement.Place(weights.bias));
  }
};

Linear::Linear(const LinearWeights& weights, const Placement& placement, Activation activation)
    : engine_(placement.engine), activation_(activation), outputs_(weights.weight.size(0)) {
  const auto placed = std::make_shared<Placed>();
  placed->Put(weights, placement);
  placed_ = placed;
  AddTo<LinearWeights>(
      weights, engine_ == Engine::kAten ? placed->weight : at::Tensor(),
      [placed, placement](const LinearWeights& other) { placed->Put(other, placement); });
}

at::Tensor Linear::Int8Product(const at::Tensor& input) const {
  // Processors without VNNI add pairs of products in 16 bits: there the input has seven.
  const bool reduce_range = !at::cpu::is_avx512_vnni_supported();
  return placed_->int8->apply_dynamic(input.contiguous(), reduce_range);
}

at::Tensor Linear::operator()(const at::Tensor& input) const {
  if (engine_ == Engine::kAten)
    return Apply(activation_, at::linear(input, placed_->weight, placed_->bias));
  if (engine_ == Engine::kInt8) return Apply(activation_, Int8Product(input));
  const Bias bias = OrNothing(placed_->bias);
  switch (activation_) {
    case Activation::kGelu:
      return PackedLinear(input, placed_->weight, bias, "gelu", "none");
    case Activation::kGeluTanh:
      return PackedLinear(input, placed_->weight, bias, "gelu", "tanh");
    case Activation::kSilu:
      return PackedLinear(input, placed_->weight, bias, "swish", "none");
    case Activation::kRelu:
      return PackedLinear(input, placed_->weight, bias, "relu", "none");
    default:
      return Apply(activation_, PackedLinear(input, placed_->weight, bias, "none", "none"));
  }
}

at::Tensor Linear::operator()(const at::Tensor& input, const at::Tensor& residual) const {
  TORCH_CHECK(activation_ == Activation::kNone, "a residual and an activation do not go together");
  if (engine_ == Engine::kAten)
    return at::linear(input, placed_->weight, placed_->bias).add_(residual);
  if (engine_ == Engine::kInt8) return Int8Product(input).add_(residual);
  return PackedLinearWith(input, residual, placed_->weight, OrNothing(placed_->bias), "add");
}

at::Tensor Linear::Times(const at::Tensor& input, const at::Tensor& factor) const {
  TORCH_CHECK(activation_ == Activation::kNone, "a factor and an activation do not go together");
  if (engine_ == Engine::kAten)
    return at::linear(input, placed_->weight, placed_->bias).mul_(factor);
  if (engine_ == Engine::kInt8) return Int8Product(input).mul_(factor);
  return PackedLinearWith(input, factor, placed_->weight, OrNothing(placed_->bias), "mul");
}

}  // namespace darkroom::nn
