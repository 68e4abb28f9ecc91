// SPDX-License-Identifier: Apache-2.0
//
// Filler is a network that fills the holes of a picture, with its weights on one device.
//
// Ownership: its weights. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_INPAINT_FILLER_H_
#define DARKROOM_PLUGINS_INPAINT_FILLER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

namespace darkroom::inpaint {

class Filler {
 public:
  // Edges of what Fill is given are multiples of this.
  static constexpr int64_t kMultiple = 8;

  virtual ~Filler() = default;

  // For logs.
  virtual std::string Describe() const = 0;

  // `picture`: 1 x 3 x height x width, RGB in [0, 1]; `mask`: 1 x 1 x height x width, 1 where it is
  // to be filled, else 0; float32, on the CPU. Returns a picture of the same form, of which only
  // what lies under the mask is looked at.
  virtual at::Tensor Fill(const at::Tensor& picture, const at::Tensor& mask) const = 0;
};

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_FILLER_H_
