// SPDX-License-Identifier: Apache-2.0
//
// A captioner of two parts that were trained apart (transformers' VisionEncoderDecoderModel): a ViT
// and a GPT-2 that looks at it (gpt2_decoder.h). Pure function, any thread.

#ifndef DARKROOM_PLUGINS_CAPTION_VIT_GPT2_H_
#define DARKROOM_PLUGINS_CAPTION_VIT_GPT2_H_

#include <memory>

#include "caption/network.h"
#include "common/json_config.h"

namespace darkroom {

// Throws Error (DR_FAILED_PRECONDITION): see LoadCaptionNetwork. Other encoders and decoders are
// refused by their model_type.
std::unique_ptr<CaptionNetwork> LoadVitGpt2(const JsonConfig& config, const Checkpoint& checkpoint,
                                            const nn::Placement& placement);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_VIT_GPT2_H_
