// SPDX-License-Identifier: Apache-2.0
//
// Fingerprint is a number that tells whether two things are the same: weights, params, pictures.
//
// A plain value. One thread.

#ifndef DARKROOM_PLUGINS_SDXL_FINGERPRINT_H_
#define DARKROOM_PLUGINS_SDXL_FINGERPRINT_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>

#include "common/checkpoint.h"

namespace darkroom::sdxl {

// FNV-1a: tells what differs by mistake, not what somebody made to be alike.
class Fingerprint {
 public:
  void Add(std::string_view bytes);
  void Add(uint64_t number);
  void Add(const at::Tensor& tensor);  // on the CPU; all of it
  // The names, the shapes and the ends of each tensor: to read all of the weights takes as long as
  // to load them.
  void AddSample(const Checkpoint& weights);

  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_FINGERPRINT_H_
