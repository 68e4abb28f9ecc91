// SPDX-License-Identifier: Apache-2.0

#include "common/program/program.h"

#include <darkroom/plugin.hpp>

namespace darkroom {

at::Tensor AsTensor(const Argument& argument, at::Device device) {
  if (const auto* tensor = std::get_if<at::Tensor>(&argument)) return *tensor;
  if (const auto* number = std::get_if<double>(&argument))
    return at::scalar_tensor(*number, at::TensorOptions(at::kFloat).device(device));
  if (const auto* number = std::get_if<int64_t>(&argument))
    return at::scalar_tensor(*number, at::TensorOptions(at::kLong).device(device));
  if (const auto* flag = std::get_if<bool>(&argument))
    return at::scalar_tensor(*flag, at::TensorOptions(at::kBool).device(device));
  throw Error(DR_FAILED_PRECONDITION, "a text is no argument of a network that takes tensors");
}

}  // namespace darkroom
