// SPDX-License-Identifier: Apache-2.0
//
// The parts of a picture that a network looks at to fill a mask: around what is to be filled, with
// something of what surrounds it, and no larger than the device has room for.
//
// Pure functions; any thread.

#ifndef DARKROOM_PLUGINS_INPAINT_WINDOWS_H_
#define DARKROOM_PLUGINS_INPAINT_WINDOWS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace darkroom::inpaint {

struct Box {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const Box&) const = default;
};

struct Window {
  Box look;  // what the network is given
  Box fill;  // of what it makes, that which is taken; within `look`
};

struct WindowSizes {
  int64_t most = 1024;   // edges of a window at most; more than twice the margin
  int64_t margin = 128;  // of what surrounds a hole, on each side, where the picture has it
};

// `mask` as mask.h has it. Windows in the order in which they are to be filled: each may look at
// what those before it have made. All of the mask is within some window's `fill`. Holes that are
// near each other share a window where they fit; one that does not fit is cut.
std::vector<Window> WindowsAround(const at::Tensor& mask, const WindowSizes& sizes);

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_WINDOWS_H_
