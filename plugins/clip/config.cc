// SPDX-License-Identifier: Apache-2.0

#include "clip/config.h"

#include <string>

namespace darkroom::clip {
namespace {

constexpr TowerDefaults kClipVision = {768, 3072, 12, 1e-5, "quick_gelu"};
constexpr TowerDefaults kSiglipBoth = {768, 3072, 12, 1e-6, "gelu_pytorch_tanh"};

VisionConfig ReadVision(const JsonConfig& config, Family family) {
  const bool siglip = family == Family::kSiglip;
  VisionConfig vision;
  vision.tower = ReadTower(config, siglip ? kSiglipBoth : kClipVision);
  vision.image_edge = config.Size("image_size", 224, 16384);
  vision.patch_edge = config.Size("patch_size", siglip ? 16 : 32, 16384);
  vision.class_token = !siglip;
  if (vision.patch_edge > vision.image_edge)
    config.Refuse("patch_size", "it must not exceed image_size");
  config.Only("num_channels", int64_t{3});
  if (siglip) config.Only("vision_use_head", true);  // without it there is no embedding
  return vision;
}

TextConfig ReadText(const JsonConfig& config, Family family) {
  if (family == Family::kClip) return ReadTextConfig(config);
  TextConfig text;
  text.tower = ReadTower(config, kSiglipBoth);
  text.vocabulary = config.Size("vocab_size", 32000, int64_t{1} << 24);
  text.positions = config.Size("max_position_embeddings", 64);
  if (text.positions < 2) config.Refuse("max_position_embeddings", "it must be 2 or more");
  text.filled_up = true;
  // The tokenizer's affair, and sampling's, of which there is none.
  config.Ignore({"bos_token_id", "eos_token_id", "pad_token_id"});
  return text;
}

// The section of one half. Older files have it twice, and then the second counts.
JsonConfig Half(const JsonConfig& config, const std::string& name) {
  if (!config.Has(name + "_dict")) return config.Section(name);
  config.Ignore({name.c_str()});
  return config.Section(name + "_dict");
}

// The halves of SigLIP have the width of an embedding each: one has it as its own, the other says.
void ReadSiglipProjection(const JsonConfig* vision, const JsonConfig* text, ClipConfig* clip) {
  if (vision != nullptr) clip->projection = clip->vision->tower.width;
  if (text == nullptr) return;
  const int64_t width = text->Size("projection_size", clip->text->tower.width);
  if (vision != nullptr && width != clip->projection)
    text->Refuse("projection_size", "a picture's embedding has the hidden_size of vision_config, " +
                                        std::to_string(clip->projection) +
                                        ", and a text's must be as wide");
  clip->projection = width;
}

}  // namespace

ClipConfig ReadClipConfig(const JsonConfig& config) {
  ClipConfig clip;
  const std::string type = config.Text("model_type");
  clip.family = type.starts_with("siglip") ? Family::kSiglip : Family::kClip;
  const bool siglip = clip.family == Family::kSiglip;
  const std::string name = siglip ? "siglip" : "clip";
  if (type == name) {
    const JsonConfig vision = Half(config, "vision_config");
    const JsonConfig text = Half(config, "text_config");
    clip.vision = ReadVision(vision, clip.family);
    clip.text = ReadText(text, clip.family);
    if (siglip) {
      ReadSiglipProjection(&vision, &text, &clip);
    } else {
      for (const JsonConfig& half : {vision, text}) half.Ignore({"projection_dim"});
    }
  } else if (type == name + "_vision_model") {
    clip.vision = ReadVision(config, clip.family);
    if (siglip) ReadSiglipProjection(&config, nullptr, &clip);
  } else if (type == name + "_text_model") {
    clip.text = ReadText(config, clip.family);
    if (siglip) ReadSiglipProjection(nullptr, &config, &clip);
  } else {
    config.Refuse("model_type",
                  "there are \"clip\" and \"siglip\", and each with \"_vision_model\" or "
                  "\"_text_model\" behind it");
  }
  if (!siglip) clip.projection = config.Size("projection_dim", 512);
  // Where training began: the weights have what came of it.
  config.Ignore({"logit_scale_init_value", "initializer_factor"});
  config.IgnoreMeta();
  config.IgnoreGeneration();
  config.CheckAllRead();
  return clip;
}

}  // namespace darkroom::clip
