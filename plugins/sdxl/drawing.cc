// SPDX-License-Identifier: Apache-2.0

#include "sdxl/drawing.h"

namespace darkroom::sdxl {

bool Drawing::Fits(const Drawing& other) const {
  return latents_.sizes() == other.latents_.sizes() &&
         (condition_.keys.empty() ||
          condition_.keys.front().size(1) == other.condition_.keys.front().size(1));
}

uint64_t Drawing::Bytes() const {
  uint64_t bytes = latents_.nbytes();
  for (const at::Tensor& keys : condition_.keys) bytes += keys.nbytes();
  return bytes;
}

}  // namespace darkroom::sdxl
