// SPDX-License-Identifier: Apache-2.0
//
// What the config.json of a UNet2DConditionModel says of its network, as far as it is one of Stable
// Diffusion XL's kind. Plain values; any thread.

#ifndef DARKROOM_PLUGINS_SDXL_UNET_CONFIG_H_
#define DARKROOM_PLUGINS_SDXL_UNET_CONFIG_H_

#include <cstdint>
#include <vector>

#include "common/json_config.h"

namespace darkroom::sdxl {

// How numbers (timesteps, sizes) become waves.
struct WaveConfig {
  bool cosines_first = true;  // flip_sin_to_cos
  int64_t shift = 0;          // freq_shift

  bool operator==(const WaveConfig&) const = default;
};

// One resolution: the block on the way down and the one on the way up, which share its width.
struct StageConfig {
  int64_t channels = 0;
  int64_t heads = 1;    // of each transformer
  int64_t context = 0;  // width of the text's states
  int64_t layers = 0;   // residual blocks on the way down; on the way up there is one more
  // Transformer layers behind each residual block; empty: no transformers.
  std::vector<int64_t> down_depths;
  std::vector<int64_t> up_depths;

  bool operator==(const StageConfig&) const = default;
};

enum class MidBlock : uint8_t { kNone, kPlain, kAttention };

struct UNetConfig {
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  int64_t sample_size = 128;  // latents' edge that it was trained for
  bool center_input = false;
  WaveConfig waves;
  int64_t time_width = 0;
  int64_t guidance_width = 0;       // time_cond_proj_dim; 0: guidance is no input
  int64_t added_wave_width = 0;     // waves of each of the time_ids; 0: no pooled text and no sizes
  int64_t added_width = 0;          // pooled text and all these waves
  std::vector<StageConfig> stages;  // from the finest on
  MidBlock mid = MidBlock::kAttention;
  int64_t mid_depth = 1;
  double mid_scale = 1.0;  // residual blocks of the middle are divided by it
  int64_t in_kernel = 3;
  int64_t out_kernel = 3;
  int64_t down_padding = 1;
  int64_t groups = 32;
  double epsilon = 1e-5;
  bool scale_shift = false;        // time scales and shifts, else it is added
  bool linear_projection = false;  // into and out of transformers; else convolutions of one pixel

  // By how much an edge is divided on the way down.
  int64_t factor() const { return int64_t{1} << (stages.size() - 1); }

  bool operator==(const UNetConfig&) const = default;
};

// Throws Error (DR_FAILED_PRECONDITION) that names the field which is missing, of a wrong kind, not
// implemented or not known.
UNetConfig ReadUNetConfig(const JsonConfig& config);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_UNET_CONFIG_H_
