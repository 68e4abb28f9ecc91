// SPDX-License-Identifier: Apache-2.0
//
// The activations that config.json files name. Pure functions: any thread.

#ifndef DARKROOM_PLUGINS_COMMON_NN_ACTIVATION_H_
#define DARKROOM_PLUGINS_COMMON_NN_ACTIVATION_H_

#include <ATen/ATen.h>

#include <string>

#include "common/json_config.h"

namespace darkroom::nn {

enum class Activation : uint8_t {
  kNone,
  kGelu,       // x * Phi(x), by the error function: arXiv:1606.08415
  kGeluTanh,   // the same by its approximation with tanh
  kQuickGelu,  // x * sigmoid(1.702 x)
  kRelu,
  kSilu,  // x * sigmoid(x)
  kTanh,
};

constexpr double kQuickGeluScale = 1.702;

// The activation that a config's field names, as transformers calls them: gelu, gelu_new,
// gelu_fast, gelu_pytorch_tanh, quick_gelu, relu, silu, swish, tanh, linear. Throws Error
// (DR_FAILED_PRECONDITION) that names the field for any other.
Activation ReadActivation(const JsonConfig& config, const std::string& field,
                          const std::string& otherwise);

// Any shape and floating dtype; a new tensor, but for kNone.
at::Tensor Apply(Activation activation, const at::Tensor& input);

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_ACTIVATION_H_
