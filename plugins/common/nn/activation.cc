// SPDX-License-Identifier: Apache-2.0

#include "common/nn/activation.h"

#include <darkroom/plugin.hpp>

namespace darkroom::nn {

Activation ReadActivation(const JsonConfig& config, const std::string& field,
                          const std::string& otherwise) {
  const std::string name = config.Text(field, otherwise);
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh")
    return Activation::kGeluTanh;
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "relu") return Activation::kRelu;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "tanh") return Activation::kTanh;
  if (name == "linear") return Activation::kNone;
  config.Refuse(field, "there are gelu, gelu_new, quick_gelu, relu, silu, tanh, linear");
}

at::Tensor Apply(Activation activation, const at::Tensor& input) {
  switch (activation) {
    case Activation::kNone:
      return input;
    case Activation::kGelu:
      return at::gelu(input);
    case Activation::kGeluTanh:
      return at::gelu(input, "tanh");
    case Activation::kQuickGelu:
      return input * at::sigmoid(input * kQuickGeluScale);
    case Activation::kRelu:
      return at::relu(input);
    case Activation::kSilu:
      return at::silu(input);
    case Activation::kTanh:
      return at::tanh(input);
  }
  throw Error(DR_INTERNAL, "an activation that there is not");
}

}  // namespace darkroom::nn
