// SPDX-License-Identifier: Apache-2.0
//
// How much of a picture is left at each timestep of the network's training, computed with the
// reference's operations in float32: sigmas near 0 are differences of numbers near 1, in which each
// rounding shows. Pure functions: any thread.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_NOISE_SCHEDULE_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_NOISE_SCHEDULE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "common/diffusion/scheduler_config.h"

namespace darkroom::diffusion {

// The products of 1 - beta up to each timestep: float32, on the CPU, falling from nearly 1.
at::Tensor AlphasCumprod(const SchedulerConfig& config);

// sqrt((1 - alpha) / alpha) of these, rising.
std::vector<float> TrainingSigmas(const at::Tensor& alphas_cumprod);

// How many of the timesteps are left when those are cut off whose log signal to noise ratio is
// below the config's lambda_min_clipped.
int64_t UnclippedTimesteps(const SchedulerConfig& config, const at::Tensor& alphas_cumprod);

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_NOISE_SCHEDULE_H_
