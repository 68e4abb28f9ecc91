// SPDX-License-Identifier: Apache-2.0

#include "common/resize.h"

#include <algorithm>
#include <cmath>

namespace darkroom {
namespace {

constexpr int kFractionBits = 22;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);
constexpr double kSupport = 2.0;

double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

uint8_t ToByte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

}  // namespace

BicubicResizer::Taps::Taps(int64_t source, int64_t destination) {
  const double scale = static_cast<double>(source) / static_cast<double>(destination);
  const double stretch = std::max(scale, 1.0);  // wider when reducing: this is the antialiasing
  const double support = kSupport * stretch;
  most = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  first.resize(static_cast<size_t>(destination));
  count.resize(static_cast<size_t>(destination));
  weights.resize(static_cast<size_t>(destination * most));
  std::vector<double> exact(static_cast<size_t>(most));
  for (int64_t i = 0; i < destination; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t begin = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t end = std::min(static_cast<int64_t>(center + support + 0.5), source);
    double total = 0.0;
    for (int64_t j = begin; j < end; ++j) {
      const double distance = (static_cast<double>(j) - center + 0.5) / stretch;
      total += exact[static_cast<size_t>(j - begin)] = Bicubic(distance);
    }
    for (int64_t j = 0; j < end - begin; ++j) {
      const double weight =
          exact[static_cast<size_t>(j)] / total * static_cast<double>(1 << kFractionBits);
      weights[static_cast<size_t>(i * most + j)] =
          static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[static_cast<size_t>(i)] = begin;
    count[static_cast<size_t>(i)] = end - begin;
  }
}

BicubicResizer::BicubicResizer(int64_t source_height, int64_t source_width,
                               const PixelLayout& destination)
    : destination_(destination),
      horizontal_(source_width, destination.width),
      vertical_(source_height, destination.height),
      row_bytes_(destination.width * destination.channels),
      rows_(static_cast<size_t>(vertical_.most * row_bytes_)),
      sums_(static_cast<size_t>(row_bytes_)) {}

void BicubicResizer::Push(const uint8_t* row, int64_t pixel_stride) {
  const int64_t channels = destination_.channels;
  uint8_t* out = rows_.data() + pushed_ % vertical_.most * row_bytes_;
  for (int64_t x = 0; x < destination_.width; ++x) {
    const auto place = static_cast<size_t>(x);
    const int32_t* weights = horizontal_.weights.data() + x * horizontal_.most;
    const uint8_t* in = row + horizontal_.first[place] * pixel_stride;
    for (int64_t c = 0; c < channels; ++c) {
      int32_t sum = kHalf;
      for (int64_t i = 0; i < horizontal_.count[place]; ++i)
        sum += in[i * pixel_stride + c] * weights[i];
      out[x * channels + c] = ToByte(sum);
    }
  }
  ++pushed_;
  while (emitted_ < destination_.height && vertical_.first[static_cast<size_t>(emitted_)] +
                                                   vertical_.count[static_cast<size_t>(emitted_)] <=
                                               pushed_)
    EmitRow(emitted_++);
}

void BicubicResizer::EmitRow(int64_t y) {
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
