// SPDX-License-Identifier: Apache-2.0

#include "clip/network.h"

#include <malloc.h>

#include <cmath>

namespace darkroom::clip {
namespace {

std::string TowerText(const TowerConfig& tower) {
  return std::to_string(tower.layers) + " layers of " + std::to_string(tower.width);
}

}  // namespace

std::string Network::Describe() const {
  std::string words = "CLIP";
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
    network.vision =
        std::make_unique<VisionTower>(reader, names.tower, names.whole + "visual_projection",
                                      *config.vision, config.projection, placement);
  }
  Names text_names;
  if (config.text) {
    text_names = FindNames(checkpoint, "text_model.", "embeddings.token_embedding.weight");
    network.text =
        std::make_unique<TextTower>(reader, text_names.tower, text_names.whole + "text_projection",
                                    *config.text, config.projection, placement);
  }
  if (config.vision && config.text)
    network.logit_scale =
        std::exp(reader.Take(text_names.whole + "logit_scale", {}).to(at::kDouble).item<double>());
  reader.CheckAllTaken();
  // Of what is read where it lies, the tokens' table, few pages are used.
  if (placement.Copies()) reader.ReleasePages();
  // Joining and packing has left holes among the weights, a tenth of their size.
  ::malloc_trim(0);
  return network;
}

}  // namespace darkroom::clip
