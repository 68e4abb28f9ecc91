// SPDX-License-Identifier: Apache-2.0
//
// The original implementation numbers the blocks of the network in one row, and what changes the
// size is a block too; diffusers counts stages, and layers within them.

#include <map>

#include "sdxl/lora.h"

namespace darkroom::sdxl {
namespace {

using Names = std::map<std::string, std::string>;

// Within a residual block, the original's names are of positions in a sequence.
const Names& OfResnet() {
  static const Names kNames = {
      {"in_layers_0", "norm1"},  {"in_layers_2", "conv1"},  {"emb_layers_1", "time_emb_proj"},
      {"out_layers_0", "norm2"}, {"out_layers_3", "conv2"}, {"skip_connection", "conv_shortcut"}};
  return kNames;
}

// What the beginning of a name becomes.
Names Beginnings(const UNetConfig& unet) {
  Names names = {{"input_blocks_0_0", "conv_in"},
                 {"time_embed_0", "time_embedding_linear_1"},
                 {"time_embed_2", "time_embedding_linear_2"},
                 {"label_emb_0_0", "add_embedding_linear_1"},
                 {"label_emb_0_2", "add_embedding_linear_2"},
                 {"out_0", "conv_norm_out"},
                 {"out_2", "conv_out"},
                 {"middle_block_0", "mid_block_resnets_0"},
                 {"middle_block_1", "mid_block_attentions_0"},
                 {"middle_block_2", "mid_block_resnets_1"}};
  const auto number = [](auto value) { return std::to_string(value); };
  const size_t last = unet.stages.size() - 1;
  int block = 1;
  for (size_t stage = 0; stage <= last; ++stage) {
    const std::string to = "down_blocks_" + number(stage);
    for (int64_t layer = 0; layer < unet.stages[stage].layers; ++layer, ++block) {
      const std::string from = "input_blocks_" + number(block);
      names[from + "_0"] = to + "_resnets_" + number(layer);
      names[from + "_1"] = to + "_attentions_" + number(layer);
    }
    if (stage < last)
      names["input_blocks_" + number(block++) + "_0_op"] = to + "_downsamplers_0_conv";
  }
  block = 0;
  for (size_t stage = 0; stage <= last; ++stage) {
    const StageConfig& config = unet.stages[last - stage];
    const std::string to = "up_blocks_" + number(stage);
    for (int64_t layer = 0; layer <= config.layers; ++layer, ++block) {
      const std::string from = "output_blocks_" + number(block);
      const bool attends = !config.up_depths.empty();
      names[from + "_0"] = to + "_resnets_" + number(layer);
      if (attends) names[from + "_1"] = to + "_attentions_" + number(layer);
      if (layer == config.layers && stage < last)
        names[from + (attends ? "_2" : "_1") + "_conv"] = to + "_upsamplers_0_conv";
    }
  }
  return names;
}

}  // namespace

std::string FromOriginalName(const UNetConfig& unet, const std::string& flat) {
  const Names beginnings = Beginnings(unet);
  // The longest that ends where a part of the name does.
  for (size_t end = flat.size(); end != std::string::npos && end > 0;
       end = flat.rfind('_', end - 1)) {
    const auto found = beginnings.find(flat.substr(0, end));
    if (found == beginnings.end()) continue;
    if (end == flat.size()) return found->second;
    const std::string rest = flat.substr(end + 1);
    const auto of_resnet = OfResnet().find(rest);
    return found->second + "_" + (of_resnet == OfResnet().end() ? rest : of_resnet->second);
  }
  return {};
}

}  // namespace darkroom::sdxl
