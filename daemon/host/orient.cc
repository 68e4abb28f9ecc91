// SPDX-License-Identifier: Apache-2.0

#include "host/orient.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace darkroom::host {
namespace {

template <size_t kChannels>
using Pixel = std::array<std::byte, kChannels>;

// Pixels are seen as small arrays of bytes, whose size and alignment are those of the bytes.
template <size_t kChannels>
std::span<Pixel<kChannels>> Pixels(Image& image) {
  static_assert(sizeof(Pixel<kChannels>) == kChannels && alignof(Pixel<kChannels>) == 1);
  return {reinterpret_cast<Pixel<kChannels>*>(image.pixels.data()),
          size_t{image.width} * image.height};
}

template <size_t kChannels>
void MirrorRows(Image& image) {
  const auto pixels = Pixels<kChannels>(image);
  for (size_t y = 0; y < image.height; ++y) {
    std::ranges::reverse(pixels.subspan(y * image.width, image.width));
  }
}

void MirrorColumns(Image& image) {
  for (size_t top = 0, bottom = image.height - size_t{1}; top < bottom; ++top, --bottom) {
    std::swap_ranges(image.row(top), image.row(top) + image.row_bytes(), image.row(bottom));
  }
}

// Exchanges rows and columns; either side may be read backwards. By squares, so that both the rows
// that are read and those that are written stay in the cache.
template <size_t kChannels>
Image Transpose(Image source, bool backwards_x, bool backwards_y) {
  constexpr size_t kSquare = 32;
  Image target = MakeImage(source.height, source.width, source.channels);
  target.icc = std::move(source.icc);
  const auto from = Pixels<kChannels>(source);
  const auto to = Pixels<kChannels>(target);
  const size_t width = source.width;
  const size_t height = source.height;
  for (size_t top = 0; top < height; top += kSquare) {
    for (size_t left = 0; left < width; left += kSquare) {
      const size_t bottom = std::min(top + kSquare, height);
      const size_t right = std::min(left + kSquare, width);
      for (size_t x = left; x < right; ++x) {
        const size_t target_y = backwards_x ? width - 1 - x : x;
        for (size_t y = top; y < bottom; ++y) {
          const size_t target_x = backwards_y ? height - 1 - y : y;
          to[target_y * height + target_x] = from[y * width + x];
        }
      }
    }
  }
  return target;
}

template <size_t kChannels>
Image Apply(Image image, int orientation) {
  switch (orientation) {
    case 2:
      MirrorRows<kChannels>(image);
      return image;
    case 3:
      std::ranges::reverse(Pixels<kChannels>(image));
      return image;
    case 4:
      MirrorColumns(image);
      return image;
    case 5:
      return Transpose<kChannels>(std::move(image), false, false);
    case 6:
      return Transpose<kChannels>(std::move(image), false, true);
    case 7:
      return Transpose<kChannels>(std::move(image), true, true);
    case 8:
      return Transpose<kChannels>(std::move(image), true, false);
    default:
      return image;
  }
}

}  // namespace

Image ApplyOrientation(Image image, int orientation) {
  if (image.pixels.empty()) return image;
  switch (image.channels) {
    case 1:
      return Apply<1>(std::move(image), orientation);
    case 2:
      return Apply<2>(std::move(image), orientation);
    case 3:
      return Apply<3>(std::move(image), orientation);
    case 4:
      return Apply<4>(std::move(image), orientation);
    default:
      return image;
  }
}

}  // namespace darkroom::host
