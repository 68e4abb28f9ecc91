// SPDX-License-Identifier: Apache-2.0

#include "sdxl/network_layers.h"

#include <darkroom/plugin.hpp>
#include <vector>

#include "sdxl/unet.h"

namespace darkroom::sdxl {
namespace {

void CheckAllThere(const PlacedLayers& layers, const WeightChanges* changes) {
  if (changes == nullptr) return;
  for (const auto& [tensor, change] : changes->tensors)
    if (!layers.Has(tensor))
      throw Error(DR_FAILED_PRECONDITION,
                  "the LoRAs change " + tensor + ", which is of no layer that can be replaced");
}

}  // namespace

NetworkLayers::NetworkLayers(const Folder& folder, const nn::Placement& placement) {
  for (const char* part : {"unet", "text_encoder", "text_encoder_2"})
    if (folder.Has(part))
      parts_[part] = std::make_unique<PlacedLayers>(folder.OpenWeights(part), placement.device,
                                                    placement.Copies());
}

void NetworkLayers::Use(Stage stage, const LoraSet* set, const std::function<void()>& between) {
  const auto meant = [stage](const std::vector<std::string>& tensors) {
    return UNet::IsOfConditions(tensors.front()) == (stage == Stage::kConditions);
  };
  for (const auto& [part, layers] : parts_) {
    if ((part == "unet") == (stage == Stage::kTexts)) continue;
    const WeightChanges* const changes = set == nullptr ? nullptr : set->Of(part);
    CheckAllThere(*layers, changes);
    layers->Use(changes, part == "unet" ? PlacedLayers::Meant(meant) : nullptr, between);
  }
  if (stage == Stage::kSteps) for_steps_ = set == nullptr ? "" : set->identity();
}

uint64_t NetworkLayers::OwnBytes(const LoraSet* set) const {
  uint64_t bytes = 0;
  for (const auto& [part, layers] : parts_)
    bytes += layers->OwnBytes(set == nullptr ? nullptr : set->Of(part));
  return bytes;
}

}  // namespace darkroom::sdxl
