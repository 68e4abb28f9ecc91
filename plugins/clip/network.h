// SPDX-License-Identifier: Apache-2.0
//
// Network is a CLIP checkpoint on a device: one tower or both, and the scale that its training put
// between a cosine and a logit.
//
// Ownership: its weights. Threads: immutable once made; it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_CLIP_NETWORK_H_
#define DARKROOM_PLUGINS_CLIP_NETWORK_H_

#include <memory>
#include <string>

#include "clip/config.h"
#include "clip/vision_tower.h"
#include "common/checkpoint.h"
#include "common/clip/text_tower.h"

namespace darkroom::clip {

struct Network {
  ClipConfig config;
  nn::Placement placement;
  std::unique_ptr<VisionTower> vision;  // nullptr: there is none
  std::unique_ptr<TextTower> text;
  double logit_scale = 0;  // what a cosine is multiplied by; 0: the checkpoint does not say

  // For logs: what it is, with its numbers.
  std::string Describe() const;
};

// Loads what config.json says from tensors under the names of CLIPModel, whatever stands before
// "vision_model." and "text_model.", and also where these words are missing. Throws Error
// (DR_FAILED_PRECONDITION) with the names of tensors that are missing, left over or of another
// shape.
Network LoadNetwork(const Checkpoint& checkpoint, const nn::Placement& placement);

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_NETWORK_H_
