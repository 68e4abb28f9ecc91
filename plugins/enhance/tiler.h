// SPDX-License-Identifier: Apache-2.0
//
// The tiler cuts a picture into overlapping windows, so that a network's memory is bounded by a
// window and not by the picture, and says which part of each window's result is kept.
//
// Seen from inside a network, a window's edge is like the picture's: beyond it are zeros. What that
// spoils is at most as deep as the network looks, and fades quickly; `padding` is how much of the
// result at an inner edge is thrown away.
//
// Pure functions, any thread.

#ifndef DARKROOM_PLUGINS_ENHANCE_TILER_H_
#define DARKROOM_PLUGINS_ENHANCE_TILER_H_

#include <cstdint>
#include <vector>

namespace darkroom {

// Along one edge: the window reads [read_begin, read_end) and its result is kept for [keep_begin,
// keep_end).
struct Span {
  int64_t read_begin;
  int64_t read_end;
  int64_t keep_begin;
  int64_t keep_end;
};

// Covers 0..length by windows that read at most tile + 2 * padding (each rounded up to `multiple`).
// All windows are equally long, which keeps the memory of one fit for the next, and the picture's
// own edges are not padded. What is kept of them lies end to end. Windows begin at multiples of
// `multiple` and are as many of it long, so the last may read up to multiple - 1 beyond the length.
// A tile of 0 asks for one window.
std::vector<Span> CoverEdge(int64_t length, int64_t tile, int64_t padding, int64_t multiple);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_ENHANCE_TILER_H_
