// SPDX-License-Identifier: Apache-2.0

#include "clip/config.h"

#include <string>

namespace darkroom::clip {
namespace {

VisionConfig ReadVision(const JsonConfig& config) {
  VisionConfig vision;
  vision.tower = ReadTower(config, {768, 3072, 12});
  vision.image_edge = config.Size("image_size", 224, 16384);
  vision.patch_edge = config.Size("patch_size", 32, 16384);
  if (vision.patch_edge > vision.image_edge)
    config.Refuse("patch_size", "it must not exceed image_size");
  config.Only("num_channels", int64_t{3});
  return vision;
}

// The section of one half. Older files have it twice, and then the second counts.
JsonConfig Half(const JsonConfig& config, const std::string& name) {
  if (!config.Has(name + "_dict")) return config.Section(name);
  config.Ignore({name.c_str()});
  return config.Section(name + "_dict");
}

}  // namespace

ClipConfig ReadClipConfig(const JsonConfig& config) {
  ClipConfig clip;
  const std::string type = config.Text("model_type");
  if (type == "clip") {
    clip.projection = config.Size("projection_dim", 512);
    const JsonConfig vision = Half(config, "vision_config");
    const JsonConfig text = Half(config, "text_config");
    clip.vision = ReadVision(vision);
    clip.text = ReadTextConfig(text);
    for (const JsonConfig& half : {vision, text}) half.Ignore({"projection_dim"});
  } else if (type == "clip_vision_model") {
    clip.projection = config.Size("projection_dim", 512);
    clip.vision = ReadVision(config);
  } else if (type == "clip_text_model") {
    clip.projection = config.Size("projection_dim", 512);
    clip.text = ReadTextConfig(config);
  } else {
    config.Refuse("model_type", "there are \"clip\", \"clip_vision_model\", \"clip_text_model\"");
  }
  config.Ignore({"logit_scale_init_value"});  // where training began; the weights have the value
  config.IgnoreMeta();
  config.IgnoreGeneration();
  config.CheckAllRead();
  return clip;
}

}  // namespace darkroom::clip
