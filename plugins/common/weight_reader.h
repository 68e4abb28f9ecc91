// SPDX-License-Identifier: Apache-2.0
//
// WeightReader hands a network its tensors by name and keeps count, so that a checkpoint which does
// not fit is refused with the names that are missing, left over or of another shape, rather than
// run with weights in the wrong places.
//
// One thread. It refers to the file, which must outlive it; the tensors it gives keep the mapping
// alive by themselves.

#ifndef DARKROOM_PLUGINS_COMMON_WEIGHT_READER_H_
#define DARKROOM_PLUGINS_COMMON_WEIGHT_READER_H_

#include <ATen/ATen.h>

#include <set>
#include <string>

#include "common/safetensors.h"

namespace darkroom {

class WeightReader {
 public:
  explicit WeightReader(const Safetensors& file) : file_(file) {}

  // A tensor of exactly this shape and of a floating-point dtype, read-only. Throws Error
  // (DR_FAILED_PRECONDITION).
  at::Tensor Take(const std::string& name, at::IntArrayRef shape);

  // Call last: throws Error when the file holds tensors that nobody took.
  void CheckAllTaken() const;

 private:
  const Safetensors& file_;
  std::set<std::string> taken_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_WEIGHT_READER_H_
