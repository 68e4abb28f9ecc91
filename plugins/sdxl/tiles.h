// SPDX-License-Identifier: Apache-2.0
//
// Runs a network over a large picture in tiles that overlap by a quarter, and blends what overlaps:
// the memory it takes is that of one tile and of the result. Equal to what diffusers'
// AutoencoderKL does with enable_vae_tiling.
//
// A pure function: any thread.

#ifndef DARKROOM_PLUGINS_SDXL_TILES_H_
#define DARKROOM_PLUGINS_SDXL_TILES_H_

#include <ATen/ATen.h>

#include <functional>

namespace darkroom::sdxl {

// Edges of a whole tile of the input and of what the network makes of it: multiples of 4, and one a
// multiple of the other.
struct TilePlan {
  int64_t input_edge = 0;
  int64_t output_edge = 0;
};

// `input`: batch x channels x height x width. `run` is called with tiles of at most input_edge, at
// the right and lower border smaller ones, row by row; it may throw, to stop.
at::Tensor InTiles(const at::Tensor& input, const TilePlan& plan,
                   const std::function<at::Tensor(const at::Tensor&)>& run);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_TILES_H_
