// SPDX-License-Identifier: Apache-2.0

#include "inpaint/windows.h"

#include <algorithm>
#include <utility>

namespace darkroom::inpaint {
namespace {

// Holes are looked for in cells of so many pixels.
constexpr int64_t kCell = 16;
// With more holes than these it is one that is cut: dust, or noise.
constexpr size_t kMostHoles = 256;

Box Joined(const Box& a, const Box& b) {
  const int64_t top = std::min(a.top, b.top);
  const int64_t left = std::min(a.left, b.left);
  return {top, left, std::max(a.top + a.height, b.top + b.height) - top,
          std::max(a.left + a.width, b.left + b.width) - left};
}

// `box` with `margin` more on each side, as far as the picture goes.
Box Widened(const Box& box, int64_t margin, int64_t height, int64_t width) {
  const int64_t top = std::max<int64_t>(box.top - margin, 0);
  const int64_t left = std::max<int64_t>(box.left - margin, 0);
  return {top, left, std::min(box.top + box.height + margin, height) - top,
          std::min(box.left + box.width + margin, width) - left};
}

bool Overlap(const Box& a, const Box& b) {
  return a.top < b.top + b.height && b.top < a.top + a.height && a.left < b.left + b.width &&
         b.left < a.left + a.width;
}

// Which cells have something of the mask, row by row.
struct Cells {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<uint8_t> used;
};

Cells CellsOf(const at::Tensor& mask) {
  const int64_t height = mask.size(0);
  const int64_t width = mask.size(1);
  Cells cells{(height + kCell - 1) / kCell, (width + kCell - 1) / kCell, {}};
  cells.used.resize(static_cast<size_t>(cells.rows * cells.columns));
  const auto* at = mask.const_data_ptr<uint8_t>();
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      if (at[y * width + x] != 0)
        cells.used[static_cast<size_t>(y / kCell * cells.columns + x / kCell)] = 1;
  return cells;
}

// Takes out the cells that hang together with this one, corners counting, and returns their box.
Box TakeHole(Cells* cells, int64_t row, int64_t column) {
  const auto index = [&](int64_t r, int64_t c) {
    return static_cast<size_t>(r * cells->columns + c);
  };
  Box box{row, column, 1, 1};
  std::vector<std::pair<int64_t, int64_t>> open = {{row, column}};
  cells->used[index(row, column)] = 0;
  while (!open.empty()) {
    const auto [r, c] = open.back();
    open.pop_back();
    box = Joined(box, {r, c, 1, 1});
    for (int64_t nr = std::max<int64_t>(r - 1, 0); nr <= std::min(r + 1, cells->rows - 1); ++nr)
      for (int64_t nc = std::max<int64_t>(c - 1, 0); nc <= std::min(c + 1, cells->columns - 1);
           ++nc)
        if (std::exchange(cells->used[index(nr, nc)], 0) != 0) open.emplace_back(nr, nc);
  }
  return {box.top * kCell, box.left * kCell, box.height * kCell, box.width * kCell};
}

std::vector<Box> Holes(Cells cells) {
  std::vector<Box> holes;
  for (int64_t row = 0; row < cells.rows; ++row)
    for (int64_t column = 0; column < cells.columns; ++column)
      if (cells.used[static_cast<size_t>(row * cells.columns + column)] != 0)
        holes.push_back(TakeHole(&cells, row, column));
  if (holes.size() <= kMostHoles) return holes;
  Box all = holes.front();
  for (const Box& hole : holes) all = Joined(all, hole);
  return {all};
}

bool Fits(const Box& box, int64_t most) { return box.height <= most && box.width <= most; }

}  // namespace

std::vector<Window> WindowsAround(const at::Tensor& mask, const WindowSizes& sizes) {
  const int64_t height = mask.size(0);
  const int64_t width = mask.size(1);
  const auto look = [&](const Box& box) { return Widened(box, sizes.margin, height, width); };
  std::vector<Box> holes = Holes(CellsOf(mask));
  for (Box& hole : holes) hole = Widened(hole, 0, height, width);
  // Each that is taken up may be near others by that.
  for (size_t i = 0; i < holes.size(); ++i) {
    for (size_t k = i + 1; k < holes.size();) {
      const Box both = Joined(holes[i], holes[k]);
      if (!Overlap(look(holes[i]), look(holes[k])) || !Fits(look(both), sizes.most)) {
        ++k;
        continue;
      }
      holes[i] = both;
      holes.erase(holes.begin() + static_cast<std::ptrdiff_t>(k));
      k = i + 1;
    }
  }
  const int64_t step = sizes.most - 2 * sizes.margin;
  std::vector<Window> windows;
  for (const Box& hole : holes) {
    if (Fits(look(hole), sizes.most)) {
      windows.push_back({look(hole), hole});
      continue;
    }
    for (int64_t y = hole.top; y < hole.top + hole.height; y += step) {
      for (int64_t x = hole.left; x < hole.left + hole.width; x += step) {
        const Box part{y, x, std::min(step, hole.top + hole.height - y),
                       std::min(step, hole.left + hole.width - x)};
        const bool any = mask.narrow(0, part.top, part.height)
                             .narrow(1, part.left, part.width)
                             .any()
                             .item<bool>();
        if (any) windows.push_back({look(part), part});
      }
    }
  }
  return windows;
}

}  // namespace darkroom::inpaint
