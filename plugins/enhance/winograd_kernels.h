// SPDX-License-Identifier: Apache-2.0
//
// The inner loops of a 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray,
// arXiv:1509.09308): 36 multiplications make 16 outputs of a channel pair, where the definition
// takes 144. One table of functions for each instruction set, all from winograd_kernels.inc;
// nothing here allocates, throws or knows of ATen.
//
// A tile is a 4x4 square of outputs. It needs a 6x6 square of inputs, which BᵀdB turns into 36
// values a channel: its points. For each point alone, a matrix product over the channels follows;
// AᵀmA turns 36 sums back into 16 outputs.
//
// All functions are pure on the memory they are given; any thread.

#ifndef DARKROOM_PLUGINS_ENHANCE_WINOGRAD_KERNELS_H_
#define DARKROOM_PLUGINS_ENHANCE_WINOGRAD_KERNELS_H_

#include <cstdint>

namespace darkroom {

constexpr int64_t kWinogradPoints = 36;
constexpr int64_t kWinogradTile = 4;
constexpr int64_t kWinogradPatch = 6;
// Channels come in whole lanes: 16 floats are one AVX-512 register, two of AVX2, four of SSE.
constexpr int64_t kWinogradLane = 16;
// Output channels of one packed panel of weights; the last panel of a layer may be one lane.
constexpr int64_t kWinogradPanel = 32;

// What becomes of a sum before it is stored: activation, then (sum * scale + residual) *
// outer_scale + outer_residual.
struct WinogradEpilogue {
  const float* bias = nullptr;  // a channel each
  const float* slope =
      nullptr;  // a channel each: what a negative value is multiplied by; nullptr: no activation
  const float* residual = nullptr;  // laid out as the output, or nullptr
  const float* outer_residual = nullptr;
  float scale = 1.0F;
  float outer_scale = 1.0F;
};

struct WinogradKernels {
  const char* name;

  // Points of one patch: the input of row r and column c begins at base + rows[r] + columns[c];
  // point p of channel k goes to points[p * point_stride + k]. `channels` is a multiple of the
  // lane, here and below.
  void (*transform_input)(const float* base, const int64_t* rows, const int64_t* columns,
                          int64_t channels, float* points, int64_t point_stride);

  // product[i * product_stride + j] = sum over k < depth of points[i * points_stride + k] *
  // weights(k, j), for i < tiles and j < width. Weights lie in panels: [width /
  // panel][depth][panel].
  void (*multiply)(const float* points, int64_t points_stride, int64_t tiles, const float* weights,
                   int64_t depth, int64_t width, float* product, int64_t product_stride);

  // Outputs of one tile from its 36 sums. Rows and columns beyond the valid ones are not written.
  void (*transform_output)(const float* sums, int64_t point_stride, int64_t channels,
                           const WinogradEpilogue& epilogue, float* output, int64_t row_stride,
                           int64_t column_stride, int64_t valid_rows, int64_t valid_columns);
};

extern const WinogradKernels kWinogradGeneric;
#if defined(__x86_64__)
extern const WinogradKernels kWinogradAvx2;
extern const WinogradKernels kWinogradAvx512;
#endif

// The fastest of them that this processor can run.
const WinogradKernels& BestWinogradKernels();

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_WINOGRAD_KERNELS_H_
