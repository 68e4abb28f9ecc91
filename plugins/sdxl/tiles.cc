// SPDX-License-Identifier: Apache-2.0

#include "sdxl/tiles.h"

#include <algorithm>
#include <vector>

namespace darkroom::sdxl {
namespace {

// Changes the beginning of `tile` along `dimension` so that it goes over from the end of `before`,
// which lies there too.
void Blend(const at::Tensor& before, at::Tensor* tile, int64_t dimension, int64_t most) {
  const int64_t extent = std::min({before.size(dimension), tile->size(dimension), most});
  std::vector<int64_t> shape(4, 1);
  shape[static_cast<size_t>(dimension)] = extent;
  const at::Tensor share =
      at::arange(extent, tile->options().dtype(at::kFloat)).div_(extent).reshape(shape);
  at::Tensor here = tile->narrow(dimension, 0, extent);
  const at::Tensor there = before.narrow(dimension, before.size(dimension) - extent, extent);
  here.copy_(there * (1.0 - share) + here * share);
}

}  // namespace

at::Tensor InTiles(const at::Tensor& input, const TilePlan& plan,
                   const std::function<at::Tensor(const at::Tensor&)>& run) {
  TORCH_CHECK(plan.input_edge > 0 && plan.input_edge % 4 == 0 && plan.output_edge > 0 &&
                  plan.output_edge % 4 == 0,
              "tiles of ", plan.input_edge, " to ", plan.output_edge);
  const int64_t step = plan.input_edge / 4 * 3;
  const int64_t overlap = plan.output_edge / 4;
  const int64_t kept = plan.output_edge - overlap;
  const auto scaled = [&plan](int64_t edge) { return edge * plan.output_edge / plan.input_edge; };
  at::Tensor output;
  // Of the row above, the lower end of each tile: no more of it is looked at.
  std::vector<at::Tensor> above;
  for (int64_t top = 0, row = 0; top < input.size(2); top += step, ++row) {
    at::Tensor before;
    for (int64_t left = 0, column = 0; left < input.size(3); left += step, ++column) {
      at::Tensor tile =
          run(input.slice(2, top, top + plan.input_edge).slice(3, left, left + plan.input_edge));
      if (!output.defined())
        output =
            at::empty({input.size(0), tile.size(1), scaled(input.size(2)), scaled(input.size(3))},
                      tile.options());
      const auto index = static_cast<size_t>(column);
      if (row > 0) Blend(above[index], &tile, 2, overlap);
      if (column > 0) Blend(before, &tile, 3, overlap);
      const at::Tensor part = tile.slice(2, 0, kept).slice(3, 0, kept);
      output.narrow(2, row * kept, part.size(2)).narrow(3, column * kept, part.size(3)).copy_(part);
      const int64_t height = tile.size(2);
      const at::Tensor end = tile.slice(2, std::max<int64_t>(0, height - overlap)).clone();
      if (index < above.size())
        above[index] = end;
      else
        above.push_back(end);
      before = tile;
    }
  }
  return output;
}

}  // namespace darkroom::sdxl
