// SPDX-License-Identifier: Apache-2.0

#include "enhance/enhancer.h"

#include <algorithm>
#include <cmath>
#include <darkroom/plugin.hpp>
#include <optional>
#include <string>

#include "enhance/tiler.h"

namespace darkroom {
namespace {

// Luma of ITU-R BT.601, which is what grey means in JPEG.
constexpr double kRed = 0.299;
constexpr double kGreen = 0.587;
constexpr double kBlue = 0.114;

PixelLayout LayoutOf(const at::Tensor& picture, int64_t first_channel, int64_t channels) {
  return {picture.mutable_data_ptr<uint8_t>() + first_channel,
          picture.size(0),
          picture.size(1),
          channels,
          picture.stride(1),
          picture.stride(0)};
}

void ResizeAlpha(const at::Tensor& input, const at::Tensor& output) {
  const int64_t channel = input.size(2) - 1;
  Resizer resizer(Filter::kBicubic, input.size(0), input.size(1), LayoutOf(output, channel, 1));
  const uint8_t* pixels = input.const_data_ptr<uint8_t>() + channel;
  for (int64_t y = 0; y < input.size(0); ++y)
    resizer.Push(pixels + y * input.stride(0), input.stride(1));
}

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// Adds `down` rows and `right` columns to 1 x C x H x W.
at::Tensor Extended(const at::Tensor& x, int64_t down, int64_t right) {
  at::Tensor out = x;
  // Reflection needs more pixels than it makes; a picture of one or two has only its edge to
  // repeat.
  if (right > 0)
    out = right < x.size(3) ? at::reflection_pad2d(out, {0, right, 0, 0})
                            : at::replication_pad2d(out, {0, right, 0, 0});
  if (down > 0)
    out = down < x.size(2) ? at::reflection_pad2d(out, {0, 0, 0, down})
                           : at::replication_pad2d(out, {0, 0, 0, down});
  return out;
}

}  // namespace

PictureSize Enhancer::OutputSize(PictureSize input, double scale) const {
  const auto native = static_cast<double>(network_->scale());
  if (scale == 0) scale = native;
  if (!(scale >= 1.0 && scale <= native))
    throw Error(DR_INVALID_ARGUMENT, "scale " + std::to_string(scale) + " is not within 1 and " +
                                         std::to_string(network_->scale()) +
                                         ", which is this model's own scale");
  const auto enlarge = [scale](int64_t edge) {
    return static_cast<int64_t>(std::llround(static_cast<double>(edge) * scale));
  };
  return {enlarge(input.height), enlarge(input.width)};
}

at::Tensor Enhancer::RunWindow(const at::Tensor& window, int64_t height, int64_t width,
                               const Region& keep) const {
  const bool grey = window.size(2) == 1;
  at::Tensor x = window.contiguous().to(placement_.device).to(placement_.dtype).div_(255);
  x = x.permute({2, 0, 1}).unsqueeze(0);
  if (grey) x = x.expand({1, 3, x.size(2), x.size(3)});
  at::Tensor y = network_->Forward(Extended(x, height - x.size(2), width - x.size(3)), keep);
  if (grey)
    y = y.select(1, 0) * kRed + y.select(1, 1) * kGreen + y.select(1, 2) * kBlue;
  else
    y = y.squeeze(0);
  y = y.to(at::kFloat).clamp_(0, 1).mul_(255).round_();
  return y.permute({1, 2, 0}).to(at::kByte).to(at::kCPU);
}

bool Enhancer::Run(const at::Tensor& input, const EnhanceParams& params, const at::Tensor& output,
                   const KeepGoing& keep_going) const {
  const int64_t channels = input.size(2);
  const int64_t colors = channels >= 3 ? 3 : 1;
  const int64_t scale = network_->scale();
  const int64_t height = input.size(0);
  const int64_t width = input.size(1);
  const at::Tensor source = input.narrow(2, 0, colors);
  const at::Tensor target = output.narrow(2, 0, colors);
  const bool native = output.size(0) == height * scale && output.size(1) == width * scale;

  const int64_t padding = params.tile_padding < 0 ? network_->padding() : params.tile_padding;
  const auto rows = CoverEdge(height, params.tile, padding, network_->multiple());
  const auto columns = CoverEdge(width, params.tile, padding, network_->multiple());
  const auto windows = static_cast<int64_t>(rows.size() * columns.size());

  // Reducing needs whole rows of the network's result: a strip of windows at a time.
  std::optional<Resizer> resizer;
  if (!native)
    resizer.emplace(Filter::kBicubic, height * scale, width * scale, LayoutOf(output, 0, colors));

  int64_t done = 0;
  for (const Span& row : rows) {
    const int64_t kept_rows = (row.keep_end - row.keep_begin) * scale;
    const at::Tensor strip = native ? target.narrow(0, row.keep_begin * scale, kept_rows)
                                    : at::empty({kept_rows, width * scale, colors}, at::kByte);
    for (const Span& column : columns) {
      if (!keep_going(done, windows)) return false;
      const int64_t kept_columns = (column.keep_end - column.keep_begin) * scale;
      const at::Tensor window = source.slice(0, row.read_begin, std::min(row.read_end, height))
                                    .slice(1, column.read_begin, std::min(column.read_end, width));
      const int64_t multiple = network_->multiple();
      const Region keep = {row.keep_begin - row.read_begin, column.keep_begin - column.read_begin,
                           RoundUp(row.keep_end, multiple) - row.keep_begin,
                           RoundUp(column.keep_end, multiple) - column.keep_begin};
      const at::Tensor result = RunWindow(window, row.read_end - row.read_begin,
                                          column.read_end - column.read_begin, keep);
      strip.narrow(1, column.keep_begin * scale, kept_columns)
          .copy_(result.narrow(0, 0, kept_rows).narrow(1, 0, kept_columns));
      ++done;
    }
    if (!native)
      for (int64_t y = 0; y < kept_rows; ++y)
        resizer->Push(strip.const_data_ptr<uint8_t>() + y * strip.stride(0), strip.stride(1));
  }
  if (channels != colors) ResizeAlpha(input, output);
  return true;
}

}  // namespace darkroom
