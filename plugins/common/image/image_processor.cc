// SPDX-License-Identifier: Apache-2.0

#include "common/image/image_processor.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <vector>

#include "common/image/rgb.h"
#include "common/safetensors.h"

namespace darkroom {
namespace {

// A file may ask for any size; beyond this it is a mistake, not a network's input.
constexpr int64_t kMostPixels = 16384;

// One dimension of a crop at the centre: `count` samples of the resized picture from `first` on,
// and how many black ones before them.
struct Span {
  int64_t first;
  int64_t count;
  int64_t before;
};

Span CropSpan(int64_t edge, int64_t crop) {
  if (edge >= crop) return {(edge - crop) / 2, crop, 0};
  return {0, edge, (crop - edge + 1) / 2};
}

void CheckSize(ImageSize size, const char* what) {
  if (size.height < 1 || size.width < 1 || size.height > kMostPixels || size.width > kMostPixels)
    throw Error(DR_FAILED_PRECONDITION, std::string("image processing: ") + what + " is " +
                                            std::to_string(size.height) + " x " +
                                            std::to_string(size.width) + ", expected 1 to " +
                                            std::to_string(kMostPixels) + " pixels");
}

}  // namespace

ImageProcessor::ImageProcessor(const ImageProcessing& processing) : processing_(processing) {
  if (processing.size) CheckSize(*processing.size, "size");
  if (processing.shortest_edge)
    CheckSize({*processing.shortest_edge, *processing.shortest_edge}, "shortest_edge");
  if (processing.crop) CheckSize(*processing.crop, "crop_size");
  for (size_t c = 0; c < 3; ++c) {
    const auto mean = static_cast<float>(processing.mean[c]);
    const auto deviation = static_cast<float>(processing.deviation[c]);
    if (processing.normalize && !(deviation > 0.0F))
      throw Error(DR_FAILED_PRECONDITION, "image processing: image_std is " +
                                              std::to_string(deviation) + ", expected more than 0");
    for (int v = 0; v < 256; ++v) {
      // The order of roundings is transformers': rescaled in double, the rest in float.
      auto value = static_cast<float>(v);
      if (processing.rescale_factor)
        value = static_cast<float>(static_cast<double>(v) * *processing.rescale_factor);
      if (processing.normalize) value = (value - mean) / deviation;
      values_[c][static_cast<size_t>(v)] = value;
    }
  }
}

ImageSize ImageProcessor::ResizedSize(ImageSize picture) const {
  if (processing_.size) return *processing_.size;
  if (!processing_.shortest_edge) return picture;
  const int64_t edge = *processing_.shortest_edge;
  const auto longer = [edge](int64_t of, int64_t shorter) {
    return static_cast<int64_t>(static_cast<double>(edge * of) / static_cast<double>(shorter));
  };
  if (picture.width <= picture.height) return {longer(picture.height, picture.width), edge};
  return {edge, longer(picture.width, picture.height)};
}

ImageSize ImageProcessor::OutputSize(ImageSize picture) const {
  return processing_.crop ? *processing_.crop : ResizedSize(picture);
}

void ImageProcessor::Run(const at::Tensor& picture, const at::Tensor& out) const {
  if (picture.dim() != 3 || picture.scalar_type() != at::kByte || picture.numel() == 0 ||
      picture.size(2) > 4)
    throw Error(DR_INVALID_ARGUMENT, "a picture has shape " + ShapeText(picture.sizes()) +
                                         ", expected height x width x (1 to 4) of uint8");
  const at::Tensor source = picture.contiguous();
  const ImageSize from = {source.size(0), source.size(1)};
  const int64_t channels = source.size(2);
  const ImageSize to = OutputSize(from);
  TORCH_CHECK(out.is_contiguous() && out.scalar_type() == at::kFloat &&
                  out.numel() == 3 * to.height * to.width,
              "the output of image processing has not the shape it was said to have");

  const ImageSize resized = ResizedSize(from);
  const Span rows = CropSpan(resized.height, to.height);
  const Span columns = CropSpan(resized.width, to.width);
  std::vector<uint8_t> pixels(static_cast<size_t>(rows.count * columns.count * 3));
  // Also where nothing is resized: at the same size each sample is its own.
  Resizer resizer(
      processing_.filter,
      {from.height, from.width, resized.height, resized.width, rows.first, columns.first},
      {pixels.data(), rows.count, columns.count, 3, 3, columns.count * 3});
  std::vector<uint8_t> rgb(static_cast<size_t>(channels == 3 ? 0 : from.width * 3));
  const uint8_t* row = source.const_data_ptr<uint8_t>();
  for (int64_t y = 0; y < from.height && !resizer.finished(); ++y, row += from.width * channels) {
    if (channels != 3) ToRgb(row, from.width, channels, rgb.data());
    resizer.Push(channels == 3 ? row : rgb.data(), 3);
  }

  auto* plane = out.mutable_data_ptr<float>();
  for (size_t c = 0; c < 3; ++c, plane += to.height * to.width) {
    if (rows.count < to.height || columns.count < to.width)
      std::fill(plane, plane + to.height * to.width, values_[c][0]);
    const uint8_t* in = pixels.data() + c;
    for (int64_t y = 0; y < rows.count; ++y) {
      float* line = plane + (rows.before + y) * to.width + columns.before;
      for (int64_t x = 0; x < columns.count; ++x, in += 3) line[x] = values_[c][*in];
    }
  }
}

at::Tensor ImageProcessor::operator()(const at::Tensor& picture) const {
  if (picture.dim() != 3 || picture.size(0) < 1 || picture.size(1) < 1)
    throw Error(DR_INVALID_ARGUMENT, "a picture has shape " + ShapeText(picture.sizes()) +
                                         ", expected height x width x channels");
  const ImageSize to = OutputSize({picture.size(0), picture.size(1)});
  at::Tensor out = at::empty({3, to.height, to.width}, at::kFloat);
  Run(picture, out);
  return out;
}

}  // namespace darkroom
