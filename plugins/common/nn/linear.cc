// SPDX-License-Identifier: Apache-2.0

#include "common/nn/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/cpu/Utils.h>
#include <ATen/native/quantized/PackedParams.h>

#include <optional>
#include <string_view>

namespace darkroom::nn {
namespace {

// These operators have no function in ATen's headers: they are found by name. Their signatures are
// those of libtorch's aten/src/ATen/native/mkldnn/Linear.cpp.
using Scalars = c10::List<std::optional<at::Scalar>>;
using Bias = std::optional<at::Tensor>;

template <typename Signature>
auto Operator(const char* name, const char* overload) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

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

at::Tensor PackedLinearPlus(const at::Tensor& input, const at::Tensor& residual,
                            const at::Tensor& weight, const Bias& bias) {
  using Signature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const Bias&,
                               std::string_view);
  static const auto call = Operator<Signature>("mkldnn::_linear_pointwise", "binary");
  return call.call(input, residual, weight, bias, "add");
}

Bias OrNothing(const at::Tensor& bias) { return bias.defined() ? Bias(bias) : std::nullopt; }

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

struct Linear::Int8 {
  Int8Weights weights;
};

Linear::Linear(const LinearWeights& weights, const Placement& placement, Activation activation)
    : engine_(placement.engine),
      activation_(activation),
      outputs_(weights.weight.size(0)),
      weight_(placement.Place(weights.weight)) {
  if (weights.bias.defined()) bias_ = placement.Place(weights.bias);
  if (engine_ == Engine::kPacked) weight_ = Pack(weight_);
  if (engine_ == Engine::kInt8) {
    int8_ = std::make_shared<const Int8>(Int8{PackInt8(weight_.contiguous(), OrNothing(bias_))});
    weight_ = at::Tensor();
    bias_ = at::Tensor();
  }
}

at::Tensor Linear::Int8Product(const at::Tensor& input) const {
  // Processors without VNNI add pairs of products in 16 bits: there the input has seven.
  const bool reduce_range = !at::cpu::is_avx512_vnni_supported();
  return int8_->weights->apply_dynamic(input.contiguous(), reduce_range);
}

at::Tensor Linear::operator()(const at::Tensor& input) const {
  if (engine_ == Engine::kAten) return Apply(activation_, at::linear(input, weight_, bias_));
  if (engine_ == Engine::kInt8) return Apply(activation_, Int8Product(input));
  const Bias bias = OrNothing(bias_);
  switch (activation_) {
    case Activation::kGelu:
      return PackedLinear(input, weight_, bias, "gelu", "none");
    case Activation::kGeluTanh:
      return PackedLinear(input, weight_, bias, "gelu", "tanh");
    case Activation::kSilu:
      return PackedLinear(input, weight_, bias, "swish", "none");
    case Activation::kRelu:
      return PackedLinear(input, weight_, bias, "relu", "none");
    default:
      return Apply(activation_, PackedLinear(input, weight_, bias, "none", "none"));
  }
}

at::Tensor Linear::operator()(const at::Tensor& input, const at::Tensor& residual) const {
  TORCH_CHECK(activation_ == Activation::kNone, "a residual and an activation do not go together");
  if (engine_ == Engine::kAten) return at::linear(input, weight_, bias_).add_(residual);
  if (engine_ == Engine::kInt8) return Int8Product(input).add_(residual);
  return PackedLinearPlus(input, residual, weight_, OrNothing(bias_));
}

}  // namespace darkroom::nn
