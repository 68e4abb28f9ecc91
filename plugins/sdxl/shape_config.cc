// SPDX-License-Identifier: Apache-2.0

#include "sdxl/shape_config.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/quoted.h"

namespace darkroom::sdxl {
namespace {

using Json = nlohmann::json;
using Depths = std::vector<int64_t>;

constexpr int64_t kHeadWidth = 64;

std::string Number(int64_t value) { return std::to_string(value); }

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_FAILED_PRECONDITION, words); }

// A dimension of a tensor.
int64_t Size(const NamedTensors& tensors, const std::string& name, int64_t dimension) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) Refuse("tensor " + Quoted(name) + " is missing");
  if (found->second.dim() <= dimension)
    Refuse("tensor " + Quoted(name) + " has shape " + ShapeText(found->second.sizes()) +
           ", which is too few dimensions");
  return found->second.size(dimension);
}

bool HasAny(const NamedTensors& tensors, const std::string& prefix) {
  const auto found = tensors.lower_bound(prefix);
  return found != tensors.end() && found->first.starts_with(prefix);
}

// How many there are of PREFIX0., PREFIX1., ...
int64_t Count(const NamedTensors& tensors, const std::string& prefix) {
  int64_t count = 0;
  while (HasAny(tensors, prefix + Number(count) + ".")) ++count;
  return count;
}

int64_t Heads(int64_t width, const char* field, const Json& told) {
  if (told.contains(field)) return 1;  // which replaces it
  if (width % kHeadWidth != 0)
    Refuse(std::string(field) + " cannot be known, since the width " + Number(width) +
           " is no multiple of " + Number(kHeadWidth) + "; give it in the option config");
  return width / kHeadWidth;
}

Json Told(Json config, const Json& told) {
  config.update(told);
  return config;
}

// A resolution of the denoising network.
struct Stage {
  int64_t channels = 0;
  Depths down;
  Depths up;
};

bool Attends(const Depths& depths) {
  return std::ranges::any_of(depths, [](int64_t depth) { return depth > 0; });
}

std::vector<Stage> FindStages(const NamedTensors& tensors) {
  std::vector<Stage> stages(1);
  for (int64_t block = 1; HasAny(tensors, "input_blocks." + Number(block) + "."); ++block) {
    const std::string name = "input_blocks." + Number(block) + ".";
    if (tensors.contains(name + "0.op.weight")) {
      stages.emplace_back();
      continue;
    }
    stages.back().channels = Size(tensors, name + "0.out_layers.3.weight", 0);
    stages.back().down.push_back(Count(tensors, name + "1.transformer_blocks."));
  }
  int64_t block = 0;
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage)
    for (size_t layer = 0; layer <= stage->down.size(); ++layer, ++block)
      stage->up.push_back(
          Count(tensors, "output_blocks." + Number(block) + ".1.transformer_blocks."));
  return stages;
}

// Any of the tensors with this end, of which all that there are must have the same shape.
const at::Tensor* FindEnd(const NamedTensors& tensors, const std::string& end) {
  for (const auto& [name, tensor] : tensors)
    if (name.ends_with(end)) return &tensor;
  return nullptr;
}

}  // namespace

Json UNetConfigOf(const NamedTensors& tensors, int64_t pooled, int64_t sizes, const Json& told) {
  const std::vector<Stage> stages = FindStages(tensors);
  const int64_t middle = Count(tensors, "middle_block.1.transformer_blocks.");
  Json config = {{"_class_name", "UNet2DConditionModel"},
                 {"in_channels", Size(tensors, "input_blocks.0.0.weight", 1)},
                 {"out_channels", Size(tensors, "out.2.weight", 0)},
                 {"conv_in_kernel", Size(tensors, "input_blocks.0.0.weight", 2)},
                 {"conv_out_kernel", Size(tensors, "out.2.weight", 2)},
                 {"time_embedding_dim", Size(tensors, "time_embed.0.weight", 0)},
                 {"sample_size", 128}};
  Json channels, layers, heads, down_types, up_types, down, up;
  for (size_t i = 0; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    const bool is_last = i + 1 == stages.size();
    channels.push_back(stage.channels);
    layers.push_back(stage.down.size());
    down_types.push_back(Attends(stage.down) ? "CrossAttnDownBlock2D" : "DownBlock2D");
    // The middle is as deep as the last stage, also where that itself has no transformers.
    const bool is_bare = !Attends(stage.down);
    down.push_back(is_bare ? Depths{is_last ? middle : 0} : stage.down);
    if (is_last && !is_bare && middle > 0 && stage.down.front() != middle)
      Refuse("middle_block.1 has " + Number(middle) + " transformer layers and the last stage " +
             Number(stage.down.front()) + ", which is not implemented");
    const bool attends = Attends(stage.down) || Attends(stage.up) || (is_last && middle > 0);
    heads.push_back(attends ? Heads(stage.channels, "attention_head_dim", told) : 1);
  }
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    up_types.push_back(Attends(stage->up) ? "CrossAttnUpBlock2D" : "UpBlock2D");
    up.push_back(Attends(stage->up) ? stage->up : Depths{0});
  }
  config.update({{"block_out_channels", channels},
                 {"layers_per_block", layers},
                 {"attention_head_dim", heads},
                 {"down_block_types", down_types},
                 {"up_block_types", up_types},
                 {"transformer_layers_per_block", down},
                 {"reverse_transformer_layers_per_block", up}});
  if (middle == 0) config["mid_block_type"] = nullptr;
  if (const at::Tensor* const projection = FindEnd(tensors, ".1.proj_in.weight"))
    config["use_linear_projection"] = projection->dim() == 2;
  if (const at::Tensor* const key = FindEnd(tensors, ".attn2.to_k.weight"))
    config["cross_attention_dim"] = key->size(-1);
  if (HasAny(tensors, "label_emb.")) {
    const int64_t added = Size(tensors, "label_emb.0.0.weight", 1);
    if (added <= pooled || (added - pooled) % sizes != 0)
      Refuse("label_emb.0.0.weight takes " + Number(added) + " numbers, which are not the " +
             Number(pooled) + " of the text encoder and waves of " + Number(sizes) + " sizes");
    config.update({{"addition_embed_type", "text_time"},
                   {"projection_class_embeddings_input_dim", added},
                   {"addition_time_embed_dim", (added - pooled) / sizes}});
  }
  return Told(std::move(config), told);
}

Json VaeConfigOf(const NamedTensors& tensors, const Json& told) {
  Json channels, down_types, up_types;
  const int64_t stages = Count(tensors, "encoder.down.");
  for (int64_t stage = 0; stage < stages; ++stage) {
    channels.push_back(Size(tensors, "encoder.down." + Number(stage) + ".block.0.conv1.weight", 0));
    down_types.push_back("DownEncoderBlock2D");
    up_types.push_back("UpDecoderBlock2D");
  }
  if (stages == 0) Refuse("tensor 'encoder.down.0.block.0.conv1.weight' is missing");
  return Told({{"_class_name", "AutoencoderKL"},
               {"in_channels", Size(tensors, "encoder.conv_in.weight", 1)},
               {"out_channels", Size(tensors, "decoder.conv_out.weight", 0)},
               {"latent_channels", Size(tensors, "decoder.conv_in.weight", 1)},
               {"block_out_channels", channels},
               {"down_block_types", down_types},
               {"up_block_types", up_types},
               {"layers_per_block", Count(tensors, "encoder.down.0.block.")},
               {"use_quant_conv", HasAny(tensors, "quant_conv.")},
               {"use_post_quant_conv", HasAny(tensors, "post_quant_conv.")},
               {"mid_block_add_attention", HasAny(tensors, "encoder.mid.attn_1.")},
               {"sample_size", 1024},
               {"scaling_factor", 0.13025},
               {"force_upcast", true}},
              told);
}

Json TextConfigOf(const NamedTensors& tensors, const char* activation, const Json& told) {
  const std::string words = "text_model.embeddings.token_embedding.weight";
  const std::string layers = "text_model.encoder.layers.";
  const int64_t width = Size(tensors, words, 1);
  Json config = {{"model_type", "clip_text_model"},
                 {"hidden_act", activation},
                 {"vocab_size", Size(tensors, words, 0)},
                 {"hidden_size", width},
                 {"max_position_embeddings",
                  Size(tensors, "text_model.embeddings.position_embedding.weight", 0)},
                 {"num_hidden_layers", Count(tensors, layers)},
                 {"num_attention_heads", Heads(width, "num_attention_heads", told)},
                 {"intermediate_size", Size(tensors, layers + "0.mlp.fc1.weight", 0)},
                 {"eos_token_id", 2},  // the token with the highest number, see clip::TextConfig
                 {"projection_dim", tensors.contains("text_projection.weight")
                                        ? Size(tensors, "text_projection.weight", 0)
                                        : width}};
  return Told(std::move(config), told);
}

}  // namespace darkroom::sdxl
