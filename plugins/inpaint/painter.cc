// SPDX-License-Identifier: Apache-2.0

#include "inpaint/painter.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <utility>

#include "common/image/mask.h"

namespace darkroom::inpaint {
namespace {

// A network that halves three times and reflects at its edges sees nothing in less.
constexpr int64_t kLeastEdge = 32;

at::Tensor Part(const at::Tensor& picture, const Box& box) {
  return picture.narrow(0, box.top, box.height).narrow(1, box.left, box.width);
}

int64_t PaddedEdge(int64_t edge) {
  return std::max(kLeastEdge,
                  (edge + Filler::kMultiple - 1) / Filler::kMultiple * Filler::kMultiple);
}

// `plane`: height x width x channels, in [0, 1]; 1 x channels x height x width with the edges
// repeated.
at::Tensor Padded(const at::Tensor& plane) {
  const at::Tensor planes = plane.permute({2, 0, 1}).unsqueeze(0).contiguous();
  return at::replication_pad2d(planes, {0, PaddedEdge(plane.size(1)) - plane.size(1), 0,
                                        PaddedEdge(plane.size(0)) - plane.size(0)});
}

}  // namespace

Painter::Painter(std::unique_ptr<Filler> filler, const WindowSizes& sizes)
    : filler_(std::move(filler)), sizes_(sizes) {}

// height x width x 3 in [0, 255], of the same uint8; `mask`: height x width.
at::Tensor Painter::Filled(const at::Tensor& colours, const at::Tensor& mask) const {
  const at::Tensor picture = Padded(colours.to(at::kFloat).div_(255));
  const at::Tensor hole = Padded(mask.to(at::kFloat).unsqueeze(2));
  const at::Tensor made = filler_->Fill(picture, hole).squeeze(0).permute({1, 2, 0});
  if (!at::isfinite(made).all().item<bool>())
    throw Error(DR_INTERNAL,
                "what the network made is not finite: the weights or the dtype are no "
                "good here");
  return (Part(made, {0, 0, colours.size(0), colours.size(1)}) * 255).round().clamp(0, 255);
}

void Painter::Paint(const at::Tensor& picture, const at::Tensor& mask, int64_t feather,
                    const at::Tensor& result, const BeforeWindow& before_window) const {
  const int64_t channels = picture.size(2);
  const int64_t colours = channels < 3 ? 1 : 3;
  // What there is so far, in colours; and what is still to be filled.
  const at::Tensor work =
      picture.narrow(2, 0, colours).expand({-1, -1, 3}).clone(at::MemoryFormat::Contiguous);
  const at::Tensor left = mask.clone();
  const std::vector<Window> windows = WindowsAround(mask, sizes_);
  for (size_t i = 0; i < windows.size(); ++i) {
    before_window(i, windows.size());
    const auto& [look, fill] = windows[i];
    const at::Tensor made = Filled(Part(work, look), Part(left, look));
    const Box within = {fill.top - look.top, fill.left - look.left, fill.height, fill.width};
    const at::Tensor place = Part(work, fill);
    const at::Tensor hole = Part(left, fill);
    place.copy_(
        at::where(hole.unsqueeze(2).to(at::kBool), Part(made, within).to(at::kByte), place));
    hole.zero_();
  }

  Composite(picture, work.to(at::kFloat), mask, feather, result);
}

}  // namespace darkroom::inpaint
