// SPDX-License-Identifier: Apache-2.0

#include "common/image/resize.h"

#include <algorithm>
#include <cmath>

namespace darkroom {
namespace {

constexpr int kFractionBits = 22;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= M_PI;
  return std::sin(x) / x;
}

double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

double Hamming(double x) {
  x = std::fabs(x);
  if (x >= 1.0) return 0.0;
  // Pillow's constants are floats.
  constexpr double kBase = 0.54F;
  constexpr double kSwing = 0.46F;
  return Sinc(x) * (kBase + kSwing * std::cos(x * M_PI));
}

double WeightAt(Filter filter, double x) {
  switch (filter) {
    case Filter::kBox:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::kBilinear:
      return std::max(1.0 - std::fabs(x), 0.0);
    case Filter::kHamming:
      return Hamming(x);
    case Filter::kBicubic:
      return Bicubic(x);
    case Filter::kLanczos:
      return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3.0) : 0.0;
  }
  return 0.0;
}

double SupportOf(Filter filter) {
  switch (filter) {
    case Filter::kBox:
      return 0.5;
    case Filter::kBilinear:
    case Filter::kHamming:
      return 1.0;
    case Filter::kBicubic:
      return 2.0;
    case Filter::kLanczos:
      return 3.0;
  }
  return 0.0;
}

uint8_t ToByte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

}  // namespace

Resizer::Taps::Taps(Filter filter, int64_t source, int64_t result, int64_t first_place,
                    int64_t places) {
  const double scale = static_cast<double>(source) / static_cast<double>(result);
  const double stretch = std::max(scale, 1.0);  // wider when reducing: this is the antialiasing
  const double support = SupportOf(filter) * stretch;
  const double shrink = 1.0 / stretch;
  most = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  first.resize(static_cast<size_t>(places));
  count.resize(static_cast<size_t>(places));
  weights.resize(static_cast<size_t>(places * most));
  std::vector<double> exact(static_cast<size_t>(most));
  for (int64_t i = 0; i < places; ++i) {
    const double center = (static_cast<double>(first_place + i) + 0.5) * scale;
    const int64_t begin = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t end = std::min(static_cast<int64_t>(center + support + 0.5), source);
    double total = 0.0;
    for (int64_t j = begin; j < end; ++j) {
      const double distance = (static_cast<double>(j) - center + 0.5) * shrink;
      total += exact[static_cast<size_t>(j - begin)] = WeightAt(filter, distance);
    }
    for (int64_t j = 0; j < end - begin; ++j) {
      double weight = exact[static_cast<size_t>(j)];
      if (total != 0.0) weight /= total;
      weight *= static_cast<double>(1 << kFractionBits);
      weights[static_cast<size_t>(i * most + j)] =
          static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[static_cast<size_t>(i)] = begin;
    count[static_cast<size_t>(i)] = end - begin;
  }
}

Resizer::Resizer(Filter filter, int64_t source_height, int64_t source_width,
                 const PixelLayout& destination)
    : Resizer(filter, {source_height, source_width, destination.height, destination.width, 0, 0},
              destination) {}

Resizer::Resizer(Filter filter, const Resizing& resizing, const PixelLayout& destination)
    : destination_(destination),
      horizontal_(filter, resizing.source_width, resizing.width, resizing.left, destination.width),
      vertical_(filter, resizing.source_height, resizing.height, resizing.top, destination.height),
      row_bytes_(destination.width * destination.channels),
      rows_(static_cast<size_t>(vertical_.most * row_bytes_)),
      sums_(static_cast<size_t>(row_bytes_)) {}

void Resizer::Push(const uint8_t* row, int64_t pixel_stride) {
  if (finished()) return;
  // A row above the window is of no use to it.
  if (pushed_ >= vertical_.first[static_cast<size_t>(emitted_)])
    ReduceRow(row, pixel_stride, rows_.data() + pushed_ % vertical_.most * row_bytes_);
  ++pushed_;
  while (emitted_ < destination_.height && vertical_.first[static_cast<size_t>(emitted_)] +
                                                   vertical_.count[static_cast<size_t>(emitted_)] <=
                                               pushed_)
    EmitRow(emitted_++);
}

void Resizer::ReduceRow(const uint8_t* row, int64_t pixel_stride, uint8_t* out) const {
  const int64_t channels = destination_.channels;
  for (int64_t x = 0; x < destination_.width; ++x) {
    const auto place = static_cast<size_t>(x);
    const int32_t* weights = horizontal_.weights.data() + x * horizontal_.most;
    const uint8_t* in = row + horizontal_.first[place] * pixel_stride;
    const int64_t count = horizontal_.count[place];
    if (channels == 3) {  // three sums at once: the usual case, and the weights are read once
      int32_t red = kHalf;
      int32_t green = kHalf;
      int32_t blue = kHalf;
      for (int64_t i = 0; i < count; ++i, in += pixel_stride) {
        red += in[0] * weights[i];
        green += in[1] * weights[i];
        blue += in[2] * weights[i];
      }
      out[x * 3] = ToByte(red);
      out[x * 3 + 1] = ToByte(green);
      out[x * 3 + 2] = ToByte(blue);
      continue;
    }
    for (int64_t c = 0; c < channels; ++c) {
      int32_t sum = kHalf;
      for (int64_t i = 0; i < count; ++i) sum += in[i * pixel_stride + c] * weights[i];
      out[x * channels + c] = ToByte(sum);
    }
  }
}

void Resizer::EmitRow(int64_t y) {
  const int64_t first = vertical_.first[static_cast<size_t>(y)];
  std::fill(sums_.begin(), sums_.end(), kHalf);
  for (int64_t i = 0; i < vertical_.count[static_cast<size_t>(y)]; ++i) {
    const int32_t weight = vertical_.weights[static_cast<size_t>(y * vertical_.most + i)];
    const uint8_t* in = rows_.data() + (first + i) % vertical_.most * row_bytes_;
    for (int64_t j = 0; j < row_bytes_; ++j) sums_[static_cast<size_t>(j)] += in[j] * weight;
  }
  uint8_t* out = destination_.data + y * destination_.row_stride;
  const int32_t* sum = sums_.data();
  for (int64_t x = 0; x < destination_.width; ++x)
    for (int64_t c = 0; c < destination_.channels; ++c)
      out[x * destination_.pixel_stride + c] = ToByte(*sum++);
}

}  // namespace darkroom
