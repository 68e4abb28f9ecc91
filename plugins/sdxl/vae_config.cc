// SPDX-License-Identifier: Apache-2.0

#include "sdxl/vae_config.h"

#include <string>

#include "sdxl/config_fields.h"

namespace darkroom::sdxl {
namespace {

constexpr size_t kMaxStages = 10;

void OnlyBlocks(const JsonConfig& config, const char* name, const std::string& type,
                size_t stages) {
  const std::vector<std::string> types = config.Texts(name);
  for (const std::string& found : types)
    if (found != type) config.Refuse(name, "only \"" + type + "\" is implemented");
  if (types.size() != stages)
    config.Refuse(
        name, "it must have one entry for each of block_out_channels, " + std::to_string(stages));
}

std::vector<double> ForLatents(const JsonConfig& config, const char* name, int64_t channels) {
  std::vector<double> values = config.Numbers(name, {});
  if (!values.empty() && static_cast<int64_t>(values.size()) != channels)
    config.Refuse(name,
                  "it must have an entry for each of latent_channels, " + std::to_string(channels));
  return values;
}

}  // namespace

VaeConfig ReadVaeConfig(const JsonConfig& config) {
  VaeConfig vae;
  config.Only("_class_name", std::string("AutoencoderKL"));
  vae.in_channels = config.Size("in_channels", 3);
  vae.out_channels = config.Size("out_channels", 3);
  vae.latent_channels = config.Size("latent_channels", 4);
  vae.groups = config.Size("norm_num_groups", 32);
  vae.channels = config.Integers("block_out_channels", {64});
  if (vae.channels.empty() || vae.channels.size() > kMaxStages)
    config.Refuse("block_out_channels",
                  "it must have 1 to " + std::to_string(kMaxStages) + " entries");
  for (const int64_t channels : vae.channels)
    if (channels < 1 || channels % vae.groups != 0)
      config.Refuse("block_out_channels",
                    "norm_num_groups, " + std::to_string(vae.groups) + ", must divide each");
  OnlyBlocks(config, "down_block_types", "DownEncoderBlock2D", vae.channels.size());
  OnlyBlocks(config, "up_block_types", "UpDecoderBlock2D", vae.channels.size());
  vae.layers = config.Size("layers_per_block", 1, 256);
  config.Only("act_fn", std::string("silu"));
  vae.sample_size = ReadSampleSize(config, 32);
  vae.scaling_factor = config.Number("scaling_factor", 0.18215);
  if (!(vae.scaling_factor > 0)) config.Refuse("scaling_factor", "it must be more than 0");
  vae.shift_factor = config.Number("shift_factor", 0.0);
  vae.latents_mean = ForLatents(config, "latents_mean", vae.latent_channels);
  vae.latents_std = ForLatents(config, "latents_std", vae.latent_channels);
  if (vae.latents_mean.empty() != vae.latents_std.empty())
    config.Refuse("latents_std", "it goes together with latents_mean");
  vae.force_upcast = config.Flag("force_upcast", true);
  vae.has_quant = config.Flag("use_quant_conv", true);
  vae.has_post_quant = config.Flag("use_post_quant_conv", true);
  vae.mid_attends = config.Flag("mid_block_add_attention", true);
  IgnoreFileMeta(config);
  config.CheckAllRead();
  return vae;
}

nn::Placement VaePlacement(const VaeConfig& config, const nn::Placement& placement) {
  nn::Placement result = placement;
  if (config.force_upcast && placement.dtype == at::kHalf) result.dtype = at::kFloat;
  return result;
}

}  // namespace darkroom::sdxl
