// SPDX-License-Identifier: Apache-2.0
//
// What the config.json of an AutoencoderKL says of its network. Plain values and pure functions;
// any thread.

#ifndef DARKROOM_PLUGINS_SDXL_VAE_CONFIG_H_
#define DARKROOM_PLUGINS_SDXL_VAE_CONFIG_H_

#include <cstdint>
#include <vector>

#include "common/json_config.h"
#include "common/nn/placement.h"

namespace darkroom::sdxl {

struct VaeConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> channels;  // of each resolution, from the finest on
  int64_t layers = 1;             // residual blocks on the way down; one more on the way up
  int64_t groups = 32;
  int64_t sample_size = 32;  // edge of pictures beyond which the reference cuts them into tiles
  double scaling_factor = 0.18215;
  double shift_factor = 0.0;
  std::vector<double> latents_mean;  // for each channel; empty: there are none
  std::vector<double> latents_std;
  bool force_upcast = true;
  bool has_quant = true;
  bool has_post_quant = true;
  bool mid_attends = true;

  // A picture's edge for each of latents.
  int64_t factor() const { return int64_t{1} << (channels.size() - 1); }
};

// Throws Error (DR_FAILED_PRECONDITION) that names the field which is missing, of a wrong kind, not
// implemented or not known.
VaeConfig ReadVaeConfig(const JsonConfig& config);

// Where the network is to be: float32 instead of float16 if the config forces it, since its
// activations exceed what float16 can hold. bfloat16 can.
nn::Placement VaePlacement(const VaeConfig& config, const nn::Placement& placement);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_VAE_CONFIG_H_
