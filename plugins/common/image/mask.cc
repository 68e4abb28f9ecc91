// SPDX-License-Identifier: Apache-2.0

#include "common/image/mask.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <string>

namespace darkroom {
namespace {

constexpr int64_t kHalf = 128;

std::string SizeText(const at::Tensor& picture) {
  return std::to_string(picture.size(1)) + " x " + std::to_string(picture.size(0));
}

// How far each place is from the nearest 0 or, beyond `most`, just that; counted as a king moves
// (Rosenfeld and Pfaltz, 1966). The picture's own edges are no 0.
at::Tensor DistanceInside(const at::Tensor& mask, int32_t most) {
  const int64_t height = mask.size(0);
  const int64_t width = mask.size(1);
  at::Tensor distance = mask.to(at::kInt).mul_(most).contiguous();
  auto* at = distance.mutable_data_ptr<int32_t>();
  const auto relax = [&](int64_t y, int64_t x, int64_t above) {
    int32_t& here = at[y * width + x];
    const auto look = [&](int64_t ny, int64_t nx) {
      if (ny >= 0 && ny < height && nx >= 0 && nx < width)
        here = std::min(here, at[ny * width + nx] + 1);
    };
    look(y, x + above);
    for (int64_t dx = -1; dx <= 1; ++dx) look(y + above, x + dx);
  };
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) relax(y, x, -1);
  for (int64_t y = height - 1; y >= 0; --y)
    for (int64_t x = width - 1; x >= 0; --x) relax(y, x, 1);
  return distance;
}

// The brightness of what was made in colours, for a picture that has none (ITU-R BT.601).
at::Tensor Grey(const at::Tensor& colours) {
  return (colours.select(2, 0) * 0.299 + colours.select(2, 1) * 0.587 +
          colours.select(2, 2) * 0.114)
      .unsqueeze(2);
}

}  // namespace

at::Tensor MaskOf(const at::Tensor& picture, const at::Tensor& mask, bool invert) {
  const int64_t channels = picture.size(2);
  const bool has_alpha = channels == 2 || channels == 4;
  if (!mask.defined() && !has_alpha)
    throw Error(DR_INVALID_ARGUMENT,
                "there is no mask: give one as the input 'mask', white where the picture is to be "
                "repainted, or a picture that is transparent there");
  if (mask.defined() && (mask.size(0) != picture.size(0) || mask.size(1) != picture.size(1)))
    throw Error(DR_INVALID_ARGUMENT, "the mask is " + SizeText(mask) + " pixels and the picture " +
                                         SizeText(picture) + ": they must be of one size");
  const bool of_alpha = !mask.defined();
  const at::Tensor values = of_alpha ? picture.select(2, channels - 1) : mask.select(2, 0);
  const at::Tensor chosen = of_alpha || invert ? values.lt(kHalf) : values.ge(kHalf);
  return chosen.to(at::kByte).contiguous();
}

void CheckLeavesSome(const at::Tensor& mask) {
  if (mask.all().item<bool>())
    throw Error(DR_INVALID_ARGUMENT,
                "the mask covers the whole picture: nothing is left that could be continued");
}

at::Tensor Grown(const at::Tensor& mask, int64_t pixels) {
  if (pixels == 0) return mask;
  const int64_t edge = 2 * pixels + 1;
  at::Tensor plane = mask.to(at::kFloat).unsqueeze(0).unsqueeze(0);
  // A row and then a column of the square. Padding beyond half of a kernel is not allowed, and
  // would find nothing: what lies outside is 0.
  plane = at::max_pool2d(at::constant_pad_nd(plane, {pixels, pixels, 0, 0}), {1, edge}, 1);
  plane = at::max_pool2d(at::constant_pad_nd(plane, {0, 0, pixels, pixels}), {edge, 1}, 1);
  return plane.squeeze(0).squeeze(0).to(at::kByte).contiguous();
}

at::Tensor WeightsOf(const at::Tensor& mask, int64_t feather) {
  if (feather == 0) return mask.to(at::kFloat);
  const auto most = static_cast<int32_t>(feather + 1);
  return DistanceInside(mask, most).to(at::kFloat).div_(most);
}

void Composite(const at::Tensor& picture, const at::Tensor& made, const at::Tensor& mask,
               int64_t feather, const at::Tensor& result) {
  const int64_t colours = picture.size(2) < 3 ? 1 : 3;
  result.copy_(picture.narrow(2, 0, result.size(2)));
  const at::Tensor painted = colours == 3 ? made : Grey(made);
  const at::Tensor before = picture.narrow(2, 0, colours);
  const at::Tensor weights = WeightsOf(mask, feather).unsqueeze(2);
  const at::Tensor mixed = (before.to(at::kFloat).mul(1 - weights) + painted * weights).round();
  result.narrow(2, 0, colours)
      .copy_(at::where(mask.unsqueeze(2).to(at::kBool), mixed.clamp(0, 255).to(at::kByte), before));
}

}  // namespace darkroom
