// SPDX-License-Identifier: Apache-2.0
//
// 3x3 convolutions on the CPU, by Winograd's method, for networks that are nothing but a chain of
// them.
//
// Plane holds the features of one picture: rows of pixels of channels, with a border of zeros, so
// that a convolution
//   reads its padding like any pixel, and channels filled up with zeros to whole lanes.
// WinogradPoints holds the transformed inputs of a dense block. Each convolution of such a block
// reads what all before
//   it read and a little more, so each plane is transformed once, into its own channels, and
//   nothing is concatenated.
// WinogradConvolution is one layer: weights transformed and packed when made; bias, activation and
// residuals are
//   applied while the outputs are still in registers.
//
// Ownership: planes and points own their memory. Threads: ATen's threads are used inside; a layer
// is immutable and may be run for several planes at once, a plane belongs to one caller.

#ifndef DARKROOM_PLUGINS_ENHANCE_WINOGRAD_H_
#define DARKROOM_PLUGINS_ENHANCE_WINOGRAD_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "enhance/winograd_kernels.h"

namespace darkroom {

// `channels` filled up to whole lanes.
int64_t WinogradChannels(int64_t channels);

class Plane {
 public:
  Plane() = default;
  Plane(int64_t height, int64_t width, int64_t channels);

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  int64_t channels() const { return channels_; }  // whole lanes
  int64_t row_stride() const { return row_stride_; }

  // The pixel at row 0, column 0; the border is at -1.
  float* pixels() const { return pixels_; }

  // A view: 1 x count x height x width, the first `count` channels.
  at::Tensor View(int64_t count) const;

 private:
  int64_t height_ = 0;
  int64_t width_ = 0;
  int64_t channels_ = 0;
  int64_t row_stride_ = 0;
  at::Tensor memory_;
  float* pixels_ = nullptr;
};

class WinogradPoints {
 public:
  // Room for `channels` channels of tiles that make height x width outputs.
  WinogradPoints(int64_t height, int64_t width, int64_t channels);

  // Transforms all channels of `plane` into those from `offset` on.
  void Fill(const Plane& plane, int64_t offset);

 private:
  friend class WinogradConvolution;
  int64_t height_;
  int64_t width_;
  int64_t channels_;
  at::Tensor memory_;  // [block][point][tile][channel]
};

// What is added to the outputs: see WinogradEpilogue. The planes are of the output's shape; either
// may be nullptr.
struct WinogradResiduals {
  const Plane* inner = nullptr;
  const Plane* outer = nullptr;
  float scale = 1.0F;
  float outer_scale = 1.0F;
};

class WinogradConvolution {
 public:
  // weight: [out, in, 3, 3]; bias: [out]; slope: [out], [1], or undefined for no activation.
  // `groups` are the channels of the planes that make up the input, in order, each filled up to
  // whole lanes; their sum is `in`.
  WinogradConvolution(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& slope,
                      const std::vector<int64_t>& groups);

  // A whole layer. `output` has the input's size or, with `doubled`, twice that: the input is then
  // enlarged by repeating each pixel as it is read.
  void Run(const Plane& input, const Plane& output, bool doubled = false,
           const WinogradResiduals& residuals = {}) const;

  // The same on points that are there already; reads as many of their channels as the layer has.
  void Run(const WinogradPoints& input, const Plane& output,
           const WinogradResiduals& residuals = {}) const;

 private:
  // Multiplies the points of tiles first..first+count and writes their outputs. `product` is
  // scratch memory.
  void FinishTiles(const float* points, int64_t points_channels, int64_t first, int64_t count,
                   const Plane& output, const WinogradResiduals& residuals, float* product) const;

  int64_t depth_;
  int64_t width_;
  at::Tensor weights_;  // [point][panel][depth][channel of the panel]
  at::Tensor bias_;
  at::Tensor slope_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_WINOGRAD_H_
