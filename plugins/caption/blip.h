// SPDX-License-Identifier: Apache-2.0
//
// BLIP's captioner (arXiv:2201.12086; transformers' BlipForConditionalGeneration): a vision
// transformer and a BERT that looks at it in each layer (blip_decoder.h). Pure function, any
// thread.

#ifndef DARKROOM_PLUGINS_CAPTION_BLIP_H_
#define DARKROOM_PLUGINS_CAPTION_BLIP_H_

#include <memory>

#include "caption/network.h"
#include "common/json_config.h"

namespace darkroom {

// Throws Error (DR_FAILED_PRECONDITION): see LoadCaptionNetwork.
std::unique_ptr<CaptionNetwork> LoadBlip(const JsonConfig& config, const Checkpoint& checkpoint,
                                         const nn::Placement& placement);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_BLIP_H_
