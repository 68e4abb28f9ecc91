// SPDX-License-Identifier: Apache-2.0
//
// Painter fills what a mask covers of a picture by a Filler, window by window, and leaves all else
// as it is, bit for bit.
//
// Ownership: the filler. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_INPAINT_PAINTER_H_
#define DARKROOM_PLUGINS_INPAINT_PAINTER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "inpaint/filler.h"
#include "inpaint/windows.h"

namespace darkroom::inpaint {

class Painter {
 public:
  Painter(std::unique_ptr<Filler> filler, const WindowSizes& sizes);

  const Filler& filler() const { return *filler_; }

  // Called before each window with how many are done, of how many; what it throws ends the call.
  using BeforeWindow = std::function<void(size_t done, size_t windows)>;

  // `picture`: height x width x channels (1 to 4), uint8; `mask` as mask.h has it; `feather`: see
  // WeightsOf. `result`: height x width x as many colours as the picture has, and its alpha if
  // there is room for it; it is written to. All on the CPU.
  void Paint(const at::Tensor& picture, const at::Tensor& mask, int64_t feather,
             const at::Tensor& result, const BeforeWindow& before_window) const;

 private:
  at::Tensor Filled(const at::Tensor& colours, const at::Tensor& mask) const;

  const std::unique_ptr<Filler> filler_;
  const WindowSizes sizes_;
};

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_PAINTER_H_
