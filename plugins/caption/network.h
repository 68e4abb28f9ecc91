// SPDX-License-Identifier: Apache-2.0
//
// CaptionNetwork is what a family of captioners is to the rest of the plugin: a tower that reads
// pictures, a stack that writes texts about them, and how a text begins and ends.
//
// Immutable once it is made. It owns its weights, which may lie in the checkpoint's mapping.

#ifndef DARKROOM_PLUGINS_CAPTION_NETWORK_H_
#define DARKROOM_PLUGINS_CAPTION_NETWORK_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/checkpoint.h"
#include "common/generate/cached_decoder.h"
#include "common/nn/placement.h"

namespace darkroom {

struct CaptionTraits {
  std::string family;     // for logs: "BLIP"
  std::string processor;  // whose defaults preprocessor_config.json has: "BlipImageProcessor"
  int64_t image_size = 0;
  int64_t tower_width = 0;
  int64_t context_length = 0;  // tokens that the tower makes of a picture
  int64_t first_token = 0;     // a text begins with this, and the prompt follows
  std::vector<int64_t> end;
};

class CaptionNetwork {
 public:
  virtual ~CaptionNetwork() = default;

  virtual const CaptionTraits& traits() const = 0;
  virtual const DecoderStack& stack() const = 0;
  // batch x 3 x size x size of the placement's dtype -> batch x context_length x width.
  virtual at::Tensor Look(const at::Tensor& pixels) const = 0;
};

// Gives back the pages of weights that are copied wherever they are used, packed or on a device, so
// that a file and its copy are not in memory together. What is read where it lies comes back by
// itself, page by page.
void ReleaseCopied(const Checkpoint& checkpoint, const nn::Placement& placement);

// The network that the folder's config.json names. Throws Error: DR_NOT_FOUND without that file,
// DR_FAILED_PRECONDITION for what is not implemented or does not fit, by name.
std::unique_ptr<CaptionNetwork> LoadCaptionNetwork(const Checkpoint& checkpoint,
                                                   const nn::Placement& placement);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_NETWORK_H_
