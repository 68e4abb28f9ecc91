// SPDX-License-Identifier: Apache-2.0
//
// Operators of libtorch that have no function in ATen's headers: they are found by their name and
// checked against the signature they are called with. Those of oneDNN are declared in libtorch's
// aten/src/ATen/native/mkldnn (Linear.cpp, Conv.cpp).
//
// Any thread.

#ifndef DARKROOM_PLUGINS_COMMON_NN_ONEDNN_H_
#define DARKROOM_PLUGINS_COMMON_NN_ONEDNN_H_

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace darkroom::nn {

using Scalars = c10::List<std::optional<at::Scalar>>;
using Bias = std::optional<at::Tensor>;

// To be kept in a static: the search takes longer than a small layer.
template <typename Signature>
auto Operator(const char* name, const char* overload) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

inline Bias OrNothing(const at::Tensor& bias) { return bias.defined() ? Bias(bias) : std::nullopt; }

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_ONEDNN_H_
