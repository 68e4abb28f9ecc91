// SPDX-License-Identifier: Apache-2.0
//
// What the config.json of a checkpoint of CLIP or SigLIP says of its network. Plain values; any
// thread.

#ifndef DARKROOM_PLUGINS_CLIP_CONFIG_H_
#define DARKROOM_PLUGINS_CLIP_CONFIG_H_

#include <cstdint>
#include <optional>

#include "common/clip/text_tower.h"
#include "common/clip/tower.h"
#include "common/json_config.h"

namespace darkroom::clip {

// SigLIP2 of fixed resolution is the network of SigLIP.
enum class Family : uint8_t { kClip, kSiglip };

struct VisionConfig {
  TowerConfig tower;
  int64_t image_edge = 224;
  int64_t patch_edge = 32;
  bool class_token = true;  // one token before those of the patches

  int64_t tokens() const {
    return (image_edge / patch_edge) * (image_edge / patch_edge) + (class_token ? 1 : 0);
  }
};

struct ClipConfig {
  Family family = Family::kClip;
  int64_t projection = 512;            // width of an embedding
  std::optional<VisionConfig> vision;  // absent: the checkpoint is of texts alone
  std::optional<TextConfig> text;      // absent: of pictures alone
};

// Reads the config of a CLIPModel ("clip"), or of one of its halves with its projection
// ("clip_vision_model", "clip_text_model"); and the same of SigLIP ("siglip",
// "siglip_vision_model", "siglip_text_model"). Throws Error (DR_FAILED_PRECONDITION) that names the
// field which is missing, of a wrong kind, not implemented or not known.
ClipConfig ReadClipConfig(const JsonConfig& config);

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_CONFIG_H_
