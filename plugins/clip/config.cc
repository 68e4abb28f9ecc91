// SPDX-License-Identifier: Apache-2.0

#include "clip/config.h"

#include <string>

namespace darkroom::clip {
namespace {

struct TowerDefaults {
  int64_t width;
  int64_t inner;
  int64_t heads;
};

TowerConfig ReadTower(const JsonConfig& config, const TowerDefaults& defaults) {
  TowerConfig tower;
  tower.width = config.Size("hidden_size", defaults.width);
  tower.inner = config.Size("intermediate_size", defaults.inner);
  tower.layers = config.Size("num_hidden_layers", 12, 1024);
  tower.heads = config.Size("num_attention_heads", defaults.heads);
  if (tower.width % tower.heads != 0)
    config.Refuse("num_attention_heads",
                  "it must divide hidden_size, " + std::to_string(tower.width));
  tower.epsilon = config.Number("layer_norm_eps", 1e-5);
  if (!(tower.epsilon > 0)) config.Refuse("layer_norm_eps", "it must be more than 0");
  tower.activation = nn::ReadActivation(config, "hidden_act", "quick_gelu");
  return tower;
}

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

TextConfig ReadText(const JsonConfig& config) {
  TextConfig text;
  text.tower = ReadTower(config, {512, 2048, 8});
  text.vocabulary = config.Size("vocab_size", 49408, int64_t{1} << 24);
  text.positions = config.Size("max_position_embeddings", 77);
  if (text.positions < 2) config.Refuse("max_position_embeddings", "it must be 2 or more");
  text.end_token = config.Integer("eos_token_id", 49407);
  // The tokenizer's affair, and sampling's, of which there is none.
  config.Ignore({"bos_token_id", "pad_token_id"});
  return text;
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
    clip.text = ReadText(text);
    for (const JsonConfig& half : {vision, text}) half.Ignore({"projection_dim"});
  } else if (type == "clip_vision_model") {
    clip.projection = config.Size("projection_dim", 512);
    clip.vision = ReadVision(config);
  } else if (type == "clip_text_model") {
    clip.projection = config.Size("projection_dim", 512);
    clip.text = ReadText(config);
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
