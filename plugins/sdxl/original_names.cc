// SPDX-License-Identifier: Apache-2.0

#include "sdxl/original_names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace darkroom::sdxl {
namespace {

using Names = std::map<std::string, std::string>;

// Within a residual block, the original's names are of positions in a sequence.
Names OfResnet() {
  return {{"in_layers.0", "norm1"},          {"in_layers.2", "conv1"},
          {"emb_layers.1", "time_emb_proj"}, {"out_layers.0", "norm2"},
          {"out_layers.3", "conv2"},         {"skip_connection", "conv_shortcut"}};
}

// What the beginning of a name becomes.
Names Beginnings(const UNetConfig& unet) {
  Names names = {{"input_blocks.0.0", "conv_in"},
                 {"time_embed.0", "time_embedding.linear_1"},
                 {"time_embed.2", "time_embedding.linear_2"},
                 {"label_emb.0.0", "add_embedding.linear_1"},
                 {"label_emb.0.2", "add_embedding.linear_2"},
                 {"out.0", "conv_norm_out"},
                 {"out.2", "conv_out"},
                 {"middle_block.0", "mid_block.resnets.0"},
                 {"middle_block.1", "mid_block.attentions.0"},
                 {"middle_block.2", "mid_block.resnets.1"}};
  const auto number = [](auto value) { return std::to_string(value); };
  const size_t last = unet.stages.size() - 1;
  int block = 1;
  for (size_t stage = 0; stage <= last; ++stage) {
    const std::string to = "down_blocks." + number(stage);
    for (int64_t layer = 0; layer < unet.stages[stage].layers; ++layer, ++block) {
      const std::string from = "input_blocks." + number(block);
      names[from + ".0"] = to + ".resnets." + number(layer);
      names[from + ".1"] = to + ".attentions." + number(layer);
    }
    if (stage < last)
      names["input_blocks." + number(block++) + ".0.op"] = to + ".downsamplers.0.conv";
  }
  block = 0;
  for (size_t stage = 0; stage <= last; ++stage) {
    const StageConfig& config = unet.stages[last - stage];
    const std::string to = "up_blocks." + number(stage);
    for (int64_t layer = 0; layer <= config.layers; ++layer, ++block) {
      const std::string from = "output_blocks." + number(block);
      const bool attends =
          !config.up_depths.empty() && config.up_depths[static_cast<size_t>(layer)] > 0;
      names[from + ".0"] = to + ".resnets." + number(layer);
      if (attends) names[from + ".1"] = to + ".attentions." + number(layer);
      if (layer == config.layers && stage < last)
        names[from + (attends ? ".2" : ".1") + ".conv"] = to + ".upsamplers.0.conv";
    }
  }
  return names;
}

Names WithDots(const Names& names, char dot) {
  Names with;
  const auto change = [dot](std::string name) {
    std::ranges::replace(name, '.', dot);
    return name;
  };
  for (const auto& [from, to] : names) with[change(from)] = change(to);
  return with;
}

using Pair = std::pair<std::string_view, std::string_view>;

void Replace(std::string* name, const Pair& pair) {
  if (const size_t at = name->find(pair.first); at != std::string::npos)
    name->replace(at, pair.first.size(), pair.second);
}

}  // namespace

OriginalUNetNames::OriginalUNetNames(const UNetConfig& unet, char dot)
    : dot_(dot),
      beginnings_(WithDots(Beginnings(unet), dot)),
      of_resnet_(WithDots(OfResnet(), dot)) {}

std::string OriginalUNetNames::Find(const std::string& name) const {
  // The longest beginning that ends where a part of the name does.
  for (size_t end = name.size(); end != std::string::npos && end > 0;
       end = name.rfind(dot_, end - 1)) {
    const auto found = beginnings_.find(name.substr(0, end));
    if (found == beginnings_.end()) continue;
    if (end == name.size()) return found->second;
    std::string rest = name.substr(end + 1);
    for (const auto& [from, to] : of_resnet_)
      if (rest == from || rest.starts_with(from + dot_)) rest.replace(0, from.size(), to);
    return found->second + dot_ + rest;
  }
  return {};
}

std::string FromOriginalVaeName(const std::string& name, size_t stages) {
  std::string result = name;
  // The way up is counted from the finest stage, too, though it is gone from the coarsest on.
  constexpr std::string_view kUp = "decoder.up.";
  if (result.starts_with(kUp)) {
    const size_t end = result.find('.', kUp.size());
    for (size_t stage = 0; stage < stages; ++stage)
      if (name.substr(kUp.size(), end - kUp.size()) == std::to_string(stage))
        result = "decoder.up_blocks." + std::to_string(stages - 1 - stage) + name.substr(end);
  }
  constexpr std::array kPairs = {
      Pair{"encoder.down.", "encoder.down_blocks."}, Pair{".block.", ".resnets."},
      Pair{".downsample.conv.", ".downsamplers.0.conv."},
      Pair{".upsample.conv.", ".upsamplers.0.conv."}, Pair{".nin_shortcut.", ".conv_shortcut."},
      Pair{".mid.block_1.", ".mid_block.resnets.0."},
      Pair{".mid.block_2.", ".mid_block.resnets.1."},
      Pair{".mid.attn_1.norm.", ".mid_block.attentions.0.group_norm."},
      // As diffusers named them in its first year, which this autoencoder knows as convolutions.
      Pair{".mid.attn_1.q.", ".mid_block.attentions.0.query."},
      Pair{".mid.attn_1.k.", ".mid_block.attentions.0.key."},
      Pair{".mid.attn_1.v.", ".mid_block.attentions.0.value."},
      Pair{".mid.attn_1.proj_out.", ".mid_block.attentions.0.proj_attn."},
      Pair{".norm_out.", ".conv_norm_out."}};
  for (const Pair& pair : kPairs) Replace(&result, pair);
  return result;
}

std::string FromOpenClipName(const std::string& name) {
  static const Names kWhole = {
      {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
      {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
      {"ln_final.weight", "text_model.final_layer_norm.weight"},
      {"ln_final.bias", "text_model.final_layer_norm.bias"},
      {"text_projection", "text_projection.weight"}};
  if (const auto found = kWhole.find(name); found != kWhole.end()) return found->second;
  constexpr std::string_view kBlocks = "transformer.resblocks.";
  if (!name.starts_with(kBlocks)) return {};
  std::string result = "text_model.encoder.layers." + name.substr(kBlocks.size());
  constexpr std::array kPairs = {Pair{".ln_1.", ".layer_norm1."},
                                 Pair{".ln_2.", ".layer_norm2."},
                                 Pair{".mlp.c_fc.", ".mlp.fc1."},
                                 Pair{".mlp.c_proj.", ".mlp.fc2."},
                                 Pair{".attn.out_proj.", ".self_attn.out_proj."},
                                 Pair{".attn.in_proj_", ".self_attn.qkv_proj."}};
  for (const Pair& pair : kPairs) Replace(&result, pair);
  return result;
}

}  // namespace darkroom::sdxl
