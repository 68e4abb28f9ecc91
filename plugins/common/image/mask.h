// SPDX-License-Identifier: Apache-2.0
//
// What of a picture is to be repainted: from a mask or from the picture's own transparency, made
// larger if asked for, and how much of what is made counts at each place; for all plugins that
// repaint parts of pictures.
//
// Masks are height x width, uint8, 1 where it is to be repainted, else 0; contiguous, on the CPU.
// Pure functions; any thread.

#ifndef DARKROOM_PLUGINS_COMMON_IMAGE_MASK_H_
#define DARKROOM_PLUGINS_COMMON_IMAGE_MASK_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace darkroom {

// `picture`: height x width x channels; `mask`: height x width x 1, or undefined. Where there is a
// mask, white (128 and more) is repainted, or black with `invert`; else what can be seen through
// (alpha below 128). Throws Error (DR_INVALID_ARGUMENT) when there is neither, and when the sizes
// differ.
at::Tensor MaskOf(const at::Tensor& picture, const at::Tensor& mask, bool invert);

// Throws Error (DR_INVALID_ARGUMENT) when nothing of the picture is left: for networks that
// continue what they see.
void CheckLeavesSome(const at::Tensor& mask);

// With all within `pixels` of it, counted along rows and columns (a square).
at::Tensor Grown(const at::Tensor& mask, int64_t pixels);

// height x width, float32: 0 outside of the mask, 1 inside of it, but for `feather` pixels from its
// edge inwards, over which it rises.
at::Tensor WeightsOf(const at::Tensor& mask, int64_t feather);

// What was made where the mask covers the picture, by WeightsOf, and the picture's own bytes
// elsewhere. `made`: height x width x 3, from 0 to 255; `result`: height x width x as many colours
// as the picture has, and its alpha if there is room for it; it is written to. All on the CPU.
void Composite(const at::Tensor& picture, const at::Tensor& made, const at::Tensor& mask,
               int64_t feather, const at::Tensor& result);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_IMAGE_MASK_H_
