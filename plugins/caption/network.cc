// SPDX-License-Identifier: Apache-2.0

#include "caption/network.h"

#include "caption/blip.h"
#include "caption/vit_gpt2.h"
#include "common/json_config.h"

namespace darkroom {

void ReleaseCopied(const Checkpoint& checkpoint, const nn::Placement& placement) {
  if (!placement.device.is_cpu() || placement.engine == nn::Engine::kPacked)
    checkpoint.ReleasePages();
}

std::unique_ptr<CaptionNetwork> LoadCaptionNetwork(const Checkpoint& checkpoint,
                                                   const nn::Placement& placement) {
  const JsonConfig config = JsonConfig::Read(checkpoint.File("config.json"));
  const std::string type = config.Text("model_type");
  if (type == "blip") return LoadBlip(config, checkpoint, placement);
  if (type == "vision-encoder-decoder") return LoadVitGpt2(config, checkpoint, placement);
  config.Refuse("model_type", "a captioner is blip or vision-encoder-decoder");
}

}  // namespace darkroom
