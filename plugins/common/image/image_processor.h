// SPDX-License-Identifier: Apache-2.0
//
// ImageProcessor makes of a picture what a vision network takes, as the model's own
// preprocessor_config.json says: to RGB, resize, crop at the centre, rescale, normalise. The result
// is that of transformers' processors that use Pillow, bit for bit, float32.
//
// Plain values after it is made: any thread may run it.

#ifndef DARKROOM_PLUGINS_COMMON_IMAGE_IMAGE_PROCESSOR_H_
#define DARKROOM_PLUGINS_COMMON_IMAGE_IMAGE_PROCESSOR_H_

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/image/resize.h"
#include "common/json_config.h"

namespace darkroom {

// height x width in pixels.
struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

struct ImageProcessing {
  // Resized to this size, or so that the shorter edge is `shortest_edge`; neither: not at all.
  std::optional<ImageSize> size;
  std::optional<int64_t> shortest_edge;
  Filter filter = Filter::kBicubic;
  std::optional<ImageSize> crop;  // beyond the picture's edge is black
  std::optional<double> rescale_factor = 1.0 / 255.0;
  bool normalize = true;
  std::array<double, 3> mean = {0.5, 0.5, 0.5};
  std::array<double, 3> deviation = {0.5, 0.5, 0.5};
};

// What the file in the model's folder says: preprocessor_config.json, or "image_processor" in
// processor_config.json. What it does not say is the default of the processor that it names (CLIP,
// BLIP, ViT, DeiT, SigLIP), or else that of `otherwise`, such a name. Throws Error: DR_NOT_FOUND
// when neither file is there, DR_FAILED_PRECONDITION for what is not implemented, with its name.
ImageProcessing ReadImageProcessing(const std::string& folder, const std::string& otherwise);
ImageProcessing ReadImageProcessing(const JsonConfig& config, const std::string& otherwise);

class ImageProcessor {
 public:
  // Throws Error (DR_FAILED_PRECONDITION) for a size or a deviation that is not positive.
  explicit ImageProcessor(const ImageProcessing& processing);

  const ImageProcessing& processing() const { return processing_; }

  // What comes of a picture of this size.
  ImageSize OutputSize(ImageSize picture) const;

  // `picture`: height x width x channels (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA), uint8, on the
  // CPU. `out`: 3 x OutputSize, float32, contiguous, on the CPU; it is written to. Throws Error
  // (DR_INVALID_ARGUMENT) when the picture is none.
  void Run(const at::Tensor& picture, const at::Tensor& out) const;
  // The same into a new tensor.
  at::Tensor operator()(const at::Tensor& picture) const;

 private:
  ImageSize ResizedSize(ImageSize picture) const;

  ImageProcessing processing_;
  // What becomes of each sample of each colour.
  std::array<std::array<float, 256>, 3> values_{};
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_IMAGE_IMAGE_PROCESSOR_H_
