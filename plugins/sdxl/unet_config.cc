// SPDX-License-Identifier: Apache-2.0

#include "sdxl/unet_config.h"

#include <string>

#include "sdxl/config_fields.h"

namespace darkroom::sdxl {
namespace {

// A UNet of more halvings than these makes nothing of a picture.
constexpr size_t kMaxStages = 10;
constexpr int64_t kMaxDepth = 256;

// Whether each block of a list has transformers.
std::vector<bool> ReadBlocks(const JsonConfig& config, const char* name, const std::string& plain,
                             const std::string& attending) {
  std::vector<bool> attends;
  for (const std::string& type : config.Texts(name)) {
    if (type != plain && type != attending)
      config.Refuse(name, "there are \"" + plain + "\" and \"" + attending + "\"");
    attends.push_back(type == attending);
  }
  return attends;
}

void WantStages(const JsonConfig& config, const char* name, size_t found, size_t stages) {
  if (found != stages)
    config.Refuse(
        name, "it must have one entry for each of block_out_channels, " + std::to_string(stages));
}

// A field that is one number for all stages, or a list of them.
std::vector<int64_t> ForStages(const JsonConfig& config, const char* name, int64_t otherwise,
                               size_t stages) {
  if (!config.IsList(name)) return std::vector<int64_t>(stages, config.Size(name, otherwise));
  const std::vector<int64_t> values = config.Integers(name, {});
  WantStages(config, name, values.size(), stages);
  for (const int64_t value : values)
    if (value < 1 || value > int64_t{1} << 20) config.Refuse(name, "its entries must be 1 or more");
  return values;
}

// transformer_layers_per_block and its kin: for each stage a number, or a list for each of its
// residual blocks.
std::vector<std::vector<int64_t>> ReadDepths(const JsonConfig& config, const char* name,
                                             size_t stages) {
  std::vector<std::vector<int64_t>> depths;
  if (config.IsList(name)) {
    depths = config.IntegerLists(name);
  } else {
    depths.assign(stages, {config.Integer(name, 1)});
  }
  WantStages(config, name, depths.size(), stages);
  for (const auto& stage : depths)
    for (const int64_t depth : stage)
      if (depth < 0 || depth > kMaxDepth)
        config.Refuse(name, "its entries must be from 0 to " + std::to_string(kMaxDepth));
  return depths;
}

// For `blocks` residual blocks, of one number for all or of one for each.
std::vector<int64_t> Spread(const JsonConfig& config, const char* name,
                            const std::vector<int64_t>& depths, int64_t blocks) {
  if (depths.size() == 1) return std::vector<int64_t>(static_cast<size_t>(blocks), depths.front());
  if (static_cast<int64_t>(depths.size()) != blocks)
    config.Refuse(name, "a list in it must have an entry for each of " + std::to_string(blocks) +
                            " residual blocks");
  return depths;
}

void ReadStages(const JsonConfig& config, UNetConfig* unet) {
  const std::vector<int64_t> channels =
      config.Integers("block_out_channels", {320, 640, 1280, 1280});
  const size_t stages = channels.size();
  if (stages < 1 || stages > kMaxStages)
    config.Refuse("block_out_channels",
                  "it must have 1 to " + std::to_string(kMaxStages) + " entries");
  const std::vector<bool> down =
      ReadBlocks(config, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D");
  const std::vector<bool> up =
      ReadBlocks(config, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D");
  WantStages(config, "down_block_types", down.size(), stages);
  WantStages(config, "up_block_types", up.size(), stages);
  const auto layers = ForStages(config, "layers_per_block", 2, stages);
  // The field is the number of heads, whatever its name says: that is how all these files are
  // written, and why diffusers refuses the field whose name would be right.
  const auto heads = ForStages(config, "attention_head_dim", 8, stages);
  if (config.Has("num_attention_heads"))
    config.Refuse("num_attention_heads", "only null is implemented; attention_head_dim is it");
  const auto context = ForStages(config, "cross_attention_dim", 1280, stages);

  constexpr const char* kDown = "transformer_layers_per_block";
  constexpr const char* kUp = "reverse_transformer_layers_per_block";
  const auto depths = ReadDepths(config, kDown, stages);
  const bool mirrored = !config.Has(kUp);
  if (mirrored && config.IsList(kDown))
    for (const auto& stage : depths)
      if (stage.size() != 1) config.Refuse(kDown, std::string("lists in it need ") + kUp + " too");
  auto up_depths = depths;
  if (!mirrored) {
    up_depths = ReadDepths(config, kUp, stages);
    up_depths = {up_depths.rbegin(), up_depths.rend()};  // it is in the order of the way up
  }

  for (size_t i = 0; i < stages; ++i) {
    StageConfig stage;
    stage.channels = channels[i];
    stage.heads = heads[i];
    stage.context = context[i];
    stage.layers = layers[i];
    if (stage.channels < 1 || stage.channels % unet->groups != 0)
      config.Refuse("block_out_channels",
                    "norm_num_groups, " + std::to_string(unet->groups) + ", must divide each");
    if (down[i]) stage.down_depths = Spread(config, kDown, depths[i], stage.layers);
    if (up[stages - 1 - i])
      stage.up_depths = Spread(config, mirrored ? kDown : kUp, up_depths[i], stage.layers + 1);
    const bool middle = i + 1 == stages && unet->mid == MidBlock::kAttention;
    const bool attends = down[i] || up[stages - 1 - i] || middle;
    if (attends && stage.channels % stage.heads != 0)
      config.Refuse("attention_head_dim",
                    "it is a number of heads, which must divide the stage's channels, " +
                        std::to_string(stage.channels));
    unet->stages.push_back(stage);
  }
  unet->mid_depth = depths.back().empty() ? 0 : depths.back().front();
}

void ReadMiddle(const JsonConfig& config, UNetConfig* unet) {
  constexpr const char* kField = "mid_block_type";
  // null is a network without a middle, and not the default.
  const std::string type =
      config.IsNull(kField) ? "" : config.Text(kField, "UNetMidBlock2DCrossAttn");
  if (type == "UNetMidBlock2DCrossAttn")
    unet->mid = MidBlock::kAttention;
  else if (type == "UNetMidBlock2D")
    unet->mid = MidBlock::kPlain;
  else if (type.empty())
    unet->mid = MidBlock::kNone;
  else
    config.Refuse(kField, "there are \"UNetMidBlock2DCrossAttn\", \"UNetMidBlock2D\" and null");
  unet->mid_scale = config.Number("mid_block_scale_factor", 1.0);
  if (!(unet->mid_scale > 0)) config.Refuse("mid_block_scale_factor", "it must be more than 0");
}

void ReadEmbeddings(const JsonConfig& config, UNetConfig* unet) {
  config.Only("time_embedding_type", std::string("positional"));
  unet->waves.cosines_first = config.Flag("flip_sin_to_cos", true);
  unet->waves.shift = config.Integer("freq_shift", 0);
  const int64_t first = config.Integers("block_out_channels", {320}).front();
  if (first / 2 == unet->waves.shift || unet->waves.shift < 0)
    config.Refuse("freq_shift", "it must be from 0 to half of the first channels, less one");
  unet->time_width = config.Size("time_embedding_dim", 4 * first);
  if (config.Has("time_cond_proj_dim")) unet->guidance_width = config.Size("time_cond_proj_dim", 1);
  for (const char* name : {"time_embedding_act_fn", "timestep_post_act", "class_embed_type",
                           "num_class_embeds", "encoder_hid_dim", "encoder_hid_dim_type"})
    OnlyNull(config, name);
  config.Only("class_embeddings_concat", false);
  config.Ignore({"addition_embed_type_num_heads"});  // of a type that is not implemented
  if (!config.Has("addition_embed_type")) {
    config.Ignore({"addition_embed_type", "addition_time_embed_dim",
                   "projection_class_embeddings_input_dim"});
    return;
  }
  config.Only("addition_embed_type", std::string("text_time"));
  unet->added_wave_width = config.Integer("addition_time_embed_dim");
  unet->added_width = config.Integer("projection_class_embeddings_input_dim");
  if (unet->added_wave_width < 1 || unet->added_wave_width / 2 == unet->waves.shift)
    config.Refuse("addition_time_embed_dim", "it must be 1 or more, and its half not freq_shift");
  if (unet->added_width < unet->added_wave_width || unet->added_width > 1 << 20)
    config.Refuse("projection_class_embeddings_input_dim",
                  "it must be the width of the pooled text and of the waves of all time_ids");
}

int64_t ReadKernel(const JsonConfig& config, const char* name) {
  const int64_t edge = config.Size(name, 3, 31);
  if (edge % 2 == 0) config.Refuse(name, "it must be odd");
  return edge;
}

}  // namespace

UNetConfig ReadUNetConfig(const JsonConfig& config) {
  UNetConfig unet;
  config.Only("_class_name", std::string("UNet2DConditionModel"));
  unet.in_channels = config.Size("in_channels", 4);
  unet.out_channels = config.Size("out_channels", 4);
  unet.sample_size = ReadSampleSize(config, 128);
  unet.center_input = config.Flag("center_input_sample", false);
  unet.in_kernel = ReadKernel(config, "conv_in_kernel");
  unet.out_kernel = ReadKernel(config, "conv_out_kernel");
  unet.down_padding = config.Integer("downsample_padding", 1);
  if (unet.down_padding != 0 && unet.down_padding != 1)
    config.Refuse("downsample_padding", "only 0 and 1 are implemented");
  config.Only("act_fn", std::string("silu"));
  unet.groups = config.Size("norm_num_groups", 32);
  unet.epsilon = config.Number("norm_eps", 1e-5);
  if (!(unet.epsilon > 0)) config.Refuse("norm_eps", "it must be more than 0");
  const std::string shift = config.Text("resnet_time_scale_shift", "default");
  if (shift != "default" && shift != "scale_shift")
    config.Refuse("resnet_time_scale_shift", "there are \"default\" and \"scale_shift\"");
  unet.scale_shift = shift == "scale_shift";
  unet.linear_projection = config.Flag("use_linear_projection", false);
  ReadMiddle(config, &unet);
  ReadStages(config, &unet);
  ReadEmbeddings(config, &unet);
  for (const char* name : {"only_cross_attention", "dual_cross_attention",
                           "mid_block_only_cross_attention", "resnet_skip_time_act"})
    config.Only(name, false);
  OnlyNumber(config, "resnet_out_scale_factor", 1.0);
  config.Only("attention_type", std::string("default"));
  OnlyNull(config, "cross_attention_norm");
  // Scores are summed in float32 whatever the dtype, which is all that this asks for.
  config.Ignore({"upcast_attention"});
  IgnoreFileMeta(config);
  config.CheckAllRead();
  return unet;
}

}  // namespace darkroom::sdxl
