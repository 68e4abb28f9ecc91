// SPDX-License-Identifier: Apache-2.0
//
// What of a picture is to be repainted: from a mask or from the picture's own transparency, made
// larger if asked for, and how much of what is made counts at each place.
//
// Masks are height x width, uint8, 1 where it is to be repainted, else 0; contiguous, on the CPU.
// Pure functions; any thread.

#ifndef DARKROOM_PLUGINS_INPAINT_MASK_H_
#define DARKROOM_PLUGINS_INPAINT_MASK_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace darkroom::inpaint {

// `picture`: height x width x channels; `mask`: height x width x 1, or undefined. Where there is a
// mask, white (128 and more) is repainted, or black with `invert`; else what can be seen through
// (alpha below 128). Throws Error (DR_INVALID_ARGUMENT) when there is neither, when the sizes
// differ, and when nothing of the picture is left.
at::Tensor MaskOf(const at::Tensor& picture, const at::Tensor& mask, bool invert);

// With all within `pixels` of it, counted along rows and columns (a square).
at::Tensor Grown(const at::Tensor& mask, int64_t pixels);

// height x width, float32: 0 outside of the mask, 1 inside of it, but for `feather` pixels from its
// edge inwards, over which it rises.
at::Tensor WeightsOf(const at::Tensor& mask, int64_t feather);

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_MASK_H_
