// SPDX-License-Identifier: Apache-2.0
//
// What a network that embeds pictures and texts in one space is made of: a VisionTower, a
// TextTower, or both. Each family has its own of them (clip_*, siglip_*).
//
// Ownership: a tower owns its weights. Threads: immutable once made; it runs on the instance's
// lane.

#ifndef DARKROOM_PLUGINS_CLIP_TOWERS_H_
#define DARKROOM_PLUGINS_CLIP_TOWERS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "clip/config.h"

namespace darkroom::clip {

class VisionTower {
 public:
  VisionTower() = default;
  VisionTower(const VisionTower&) = delete;
  VisionTower& operator=(const VisionTower&) = delete;
  virtual ~VisionTower() = default;

  // `pixels`: n x 3 x edge x edge, normalised, of the placement's device and dtype. Returns
  // n x projection, not normalised.
  virtual at::Tensor operator()(const at::Tensor& pixels) const = 0;
};

class TextTower {
 public:
  TextTower() = default;
  TextTower(const TextTower&) = delete;
  TextTower& operator=(const TextTower&) = delete;
  virtual ~TextTower() = default;

  // Each text as tokens in its frame, at most TextConfig::positions of them, and exactly as many
  // where texts are filled up. Returns texts x projection, not normalised. Throws Error
  // (DR_FAILED_PRECONDITION) for tokens that the vocabulary has not, since tokenizer and weights
  // are not of one model then.
  virtual at::Tensor operator()(const std::vector<std::vector<int64_t>>& texts) const = 0;
};

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_TOWERS_H_
