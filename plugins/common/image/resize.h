// SPDX-License-Identifier: Apache-2.0
//
// Resizing of 8-bit images, antialiased when it reduces, after the scheme of Pillow's Resample.c
// (NOTICE names it): coefficients with 22 fractional bits, the horizontal pass first, 8 bits
// between the passes. The result is the same bit for bit as Pillow's before version 13, so that a
// pipeline moved here from Python keeps its pictures.
//
// Resizer takes the rows of the source from top to bottom and writes each row of the result as soon
// as the rows it needs are there. It holds only those rows, so an image can be resized while it is
// still being made. Where only a window of the result is wanted, only that is computed.
//
// Ownership: the destination is the caller's and outlives the resizer. Threads: one.

#ifndef DARKROOM_PLUGINS_COMMON_IMAGE_RESIZE_H_
#define DARKROOM_PLUGINS_COMMON_IMAGE_RESIZE_H_

#include <cstdint>
#include <vector>

namespace darkroom {

// Pillow's filters that look at more than one sample.
enum class Filter : uint8_t { kBox, kBilinear, kHamming, kBicubic, kLanczos };

// Where interleaved 8-bit samples lie, and which of them are meant: `channels` from `data` on,
// pixels `pixel_stride` bytes apart. Alpha alone of an RGBA image is {data + 3, 1 channel,
// pixel_stride 4}.
struct PixelLayout {
  uint8_t* data = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t pixel_stride = 0;
  int64_t row_stride = 0;
};

// From which size to which a picture is resized, and where in the result the destination lies.
struct Resizing {
  int64_t source_height = 0;
  int64_t source_width = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t top = 0;
  int64_t left = 0;
};

class Resizer {
 public:
  // To the destination's size. All edges at least 1.
  Resizer(Filter filter, int64_t source_height, int64_t source_width,
          const PixelLayout& destination);
  // To a window of the result, which lies within it.
  Resizer(Filter filter, const Resizing& resizing, const PixelLayout& destination);

  // The source's next row: the destination's channels, pixels `pixel_stride` bytes apart. Rows
  // after the last that is needed may be left out.
  void Push(const uint8_t* row, int64_t pixel_stride);
  bool finished() const { return emitted_ == destination_.height; }

 private:
  // For each place of the result: where its samples begin in the source, how many, and their
  // weights.
  struct Taps {
    // Of `count` places from `first_place` on, when `source` samples become `result`.
    Taps(Filter filter, int64_t source, int64_t result, int64_t first_place, int64_t count);
    int64_t most = 0;  // weights kept for each place
    std::vector<int64_t> first;
    std::vector<int64_t> count;
    std::vector<int32_t> weights;
  };

  void ReduceRow(const uint8_t* row, int64_t pixel_stride, uint8_t* out) const;
  void EmitRow(int64_t y);

  PixelLayout destination_;
  Taps horizontal_;
  Taps vertical_;
  int64_t row_bytes_;          // of a row between the passes
  std::vector<uint8_t> rows_;  // the newest rows, each at its number modulo vertical_.most
  std::vector<int32_t> sums_;
  int64_t pushed_ = 0;
  int64_t emitted_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_IMAGE_RESIZE_H_
