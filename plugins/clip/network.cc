// SPDX-License-Identifier: Apache-2.0

#include "clip/network.h"

#include <malloc.h>

#include <cmath>
#include <utility>
#include <vector>

#include "clip/clip_vision_tower.h"
#include "clip/siglip_text_tower.h"
#include "clip/siglip_vision_tower.h"
#include "common/clip/text_tower.h"
#include "common/clip/tower.h"
#include "common/weight_reader.h"

namespace darkroom::clip {
namespace {

// CLIP's own, which other networks borrow.
class ClipTexts final : public TextTower {
 public:
  explicit ClipTexts(ClipTextTower tower) : tower_(std::move(tower)) {}

  at::Tensor operator()(const std::vector<std::vector<int64_t>>& texts) const override {
    return tower_(texts);
  }

 private:
  const ClipTextTower tower_;
};

std::unique_ptr<VisionTower> MakeVision(WeightReader& reader, const Names& names,
                                        const ClipConfig& config, const nn::Placement& placement) {
  if (config.family == Family::kSiglip)
    return std::make_unique<SiglipVisionTower>(reader, names.tower, *config.vision, placement);
  return std::make_unique<ClipVisionTower>(reader, names.tower, names.whole + "visual_projection",
                                           *config.vision, config.projection, placement);
}

std::unique_ptr<TextTower> MakeText(WeightReader& reader, const Names& names,
                                    const ClipConfig& config, const nn::Placement& placement) {
  if (config.family == Family::kSiglip)
    return std::make_unique<SiglipTextTower>(reader, names.tower, *config.text, config.projection,
                                             placement);
  return std::make_unique<ClipTexts>(ClipTextTower(reader, names.tower,
                                                   names.whole + "text_projection", *config.text,
                                                   config.projection, placement));
}

std::string TowerText(const TowerConfig& tower) {
  return std::to_string(tower.layers) + " layers of " + std::to_string(tower.width);
}

}  // namespace

std::string Network::Describe() const {
  std::string words = config.family == Family::kSiglip ? "SigLIP" : "CLIP";
  if (config.vision)
    words += ", pictures of " + std::to_string(config.vision->image_edge) + " in patches of " +
             std::to_string(config.vision->patch_edge) + " through " +
             TowerText(config.vision->tower);
  if (config.text) words += ", texts through " + TowerText(config.text->tower);
  return words + ", embeddings of " + std::to_string(config.projection) + "; " +
         nn::Describe(placement);
}

Network LoadNetwork(const Checkpoint& checkpoint, const nn::Placement& placement) {
  Network network;
  network.placement = placement;
  network.config = ReadClipConfig(JsonConfig::Read(checkpoint.File("config.json")));
  const ClipConfig& config = network.config;
  WeightReader reader(checkpoint);
  if (config.vision) {
    const Names names = FindNames(checkpoint, "vision_model.", "embeddings.patch_embedding.weight");
    network.vision = MakeVision(reader, names, config, placement);
  }
  Names text_names;
  if (config.text) {
    text_names = FindNames(checkpoint, "text_model.", "embeddings.token_embedding.weight");
    network.text = MakeText(reader, text_names, config, placement);
  }
  if (config.vision && config.text) {
    const bool siglip = config.family == Family::kSiglip;
    const std::vector<int64_t> shape(siglip ? 1 : 0, 1);
    const auto number = [&](const char* name) {
      return reader.Take(text_names.whole + name, shape).to(at::kDouble).item<double>();
    };
    network.logit_scale = std::exp(number("logit_scale"));
    if (siglip) network.logit_bias = number("logit_bias");
  }
  reader.CheckAllTaken();
  // Of what is read where it lies, the tokens' table, few pages are used.
  if (placement.Copies()) reader.ReleasePages();
  // Joining and packing has left holes among the weights, a tenth of their size.
  ::malloc_trim(0);
  return network;
}

}  // namespace darkroom::clip
