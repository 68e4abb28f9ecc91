// SPDX-License-Identifier: Apache-2.0

#include "sdxl/denoisers.h"

#include <utility>

namespace darkroom::sdxl {

Condition Join(std::span<const Condition* const> conditions) {
  if (conditions.size() == 1) return *conditions.front();
  Condition joined;
  std::vector<at::Tensor> parts(conditions.size());
  for (size_t layer = 0; layer < conditions.front()->keys.size(); ++layer) {
    for (size_t i = 0; i < conditions.size(); ++i) parts[i] = conditions[i]->keys[layer];
    joined.keys.push_back(at::cat(parts));
  }
  if (conditions.front()->added.defined()) {
    for (size_t i = 0; i < conditions.size(); ++i) parts[i] = conditions[i]->added;
    joined.added = at::cat(parts);
  }
  return joined;
}

Denoisers::Denoisers(const Folder& folder, const nn::Placement& placement,
                     const std::vector<CompiledFile>& compiled, Reserve reserve,
                     PlacedLayers* layers)
    : folder_(folder),
      placement_(placement),
      config_(ReadUNetConfig(folder.Config("unet"))),
      reserve_(std::move(reserve)) {
  if (compiled.empty()) {
    ordinary_ = std::make_unique<const UNet>(
        layers != nullptr ? layers->checkpoint() : folder.OpenWeights("unet"), config_, placement,
        layers);
    return;
  }
  const Checkpoint checkpoint = folder.OpenWeights("unet");
  PackageWeights weights(checkpoint, placement);
  for (const CompiledFile& file : compiled)
    compiled_.push_back(std::make_unique<const CompiledUNet>(file, config_, placement, &weights));
  if (!placement.device.is_cpu()) checkpoint.ReleasePages();
}

const Denoiser& Denoisers::For(int64_t height, int64_t width, int64_t rows) {
  for (const auto& network : compiled_)
    if (network->Takes(height, width, rows)) return *network;
  if (!ordinary_) {
    const Checkpoint checkpoint = folder_.OpenWeights("unet");
    if (reserve_) reserve_(checkpoint.BytesIn(placement_.dtype));
    ordinary_ = std::make_unique<const UNet>(checkpoint, config_, placement_);
  }
  return *ordinary_;
}

}  // namespace darkroom::sdxl
