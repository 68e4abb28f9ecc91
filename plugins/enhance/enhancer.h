// SPDX-License-Identifier: Apache-2.0
//
// Enhancer takes a picture in 8 bits and makes the enlarged one, window by window: no more of it
// than a window is ever held as numbers, whatever its size.
//
// Grey is run as three equal channels and its result weighed back to one; alpha does not go through
// the network but is resized by bicubic interpolation, so that an edge stays where it was and no
// colour leaks in. A scale below the network's own is its result reduced, antialiased, strip by
// strip.
//
// Threads: one at a time, on the instance's lane. Ownership: it owns the network; pictures are the
// caller's.

#ifndef DARKROOM_PLUGINS_ENHANCE_ENHANCER_H_
#define DARKROOM_PLUGINS_ENHANCE_ENHANCER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "common/image/resize.h"
#include "enhance/network.h"

namespace darkroom {

struct EnhanceParams {
  double scale = 0;           // of the result's edges; 0: the network's own
  int64_t tile = 0;           // 0: the whole picture at once
  int64_t tile_padding = -1;  // -1: what the network needs for no seam to be seen
};

struct PictureSize {
  int64_t height;
  int64_t width;
};

class Enhancer {
 public:
  Enhancer(std::unique_ptr<Network> network, const Placement& placement)
      : network_(std::move(network)), placement_(placement) {}

  const Network& network() const { return *network_; }

  // The result's size. Throws Error (DR_INVALID_ARGUMENT) for a scale that the network does not
  // reach.
  PictureSize OutputSize(PictureSize input, double scale) const;

  // Called before each of `windows` windows with how many are done. When it answers false, Run
  // stops and returns false with the output unfinished.
  using KeepGoing = std::function<bool(int64_t done, int64_t windows)>;

  // `input`: height x width x channels (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA), uint8,
  // contiguous, on the CPU. `output`: the same with OutputSize's edges; it is written to.
  bool Run(const at::Tensor& input, const EnhanceParams& params, const at::Tensor& output,
           const KeepGoing& keep_going) const;

 private:
  // The network's result for the `keep` part of one window, in 8 bits, height x width x (1 or 3),
  // on the CPU. A window smaller than height x width, at the picture's edge, is first enlarged by
  // reflection.
  at::Tensor RunWindow(const at::Tensor& window, int64_t height, int64_t width,
                       const Region& keep) const;

  std::unique_ptr<Network> network_;
  Placement placement_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_ENHANCER_H_
