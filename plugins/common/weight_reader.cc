// SPDX-License-Identifier: Apache-2.0

#include "common/weight_reader.h"

#include <darkroom/plugin.hpp>

namespace darkroom {

at::Tensor WeightReader::Take(const std::string& name, at::IntArrayRef shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw Error(DR_FAILED_PRECONDITION,
                "weights " + path_ + ": tensor " + Quoted(name) + " is missing");
  const at::Tensor& tensor = found->second;
  if (tensor.sizes() != shape)
    throw Error(DR_FAILED_PRECONDITION, "weights " + path_ + ": tensor " + Quoted(name) +
                                            " has shape " + ShapeText(tensor.sizes()) +
                                            ", expected " + ShapeText(shape));
  if (!tensor.is_floating_point())
    throw Error(DR_FAILED_PRECONDITION, "weights " + path_ + ": tensor " + Quoted(name) +
                                            " holds integers, expected floating point");
  taken_.insert(name);
  return checkpoint_ == nullptr ? tensor : checkpoint_->Changed(name, tensor);
}

void WeightReader::CheckAllTaken() const {
  constexpr int kMostNamed = 3;
  int left = 0;
  std::string names;
  for (const auto& [name, tensor] : tensors_) {
    if (taken_.contains(name)) continue;
    if (left++ < kMostNamed) names += (names.empty() ? "" : ", ") + Quoted(name);
  }
  if (left == 0) return;
  throw Error(DR_FAILED_PRECONDITION, "weights " + path_ + ": " + std::to_string(left) +
                                          " tensors do not belong to this architecture: " + names +
                                          (left > kMostNamed ? ", ..." : ""));
}

}  // namespace darkroom
