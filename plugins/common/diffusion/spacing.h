// SPDX-License-Identifier: Apache-2.0
//
// Which timesteps of the training a run takes, and which sigmas: the arithmetic of the reference,
// which is numpy's, in its precision. A timestep that is rounded the other way is another picture.
// Pure functions: any thread.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_SPACING_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_SPACING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/diffusion/scheduler_config.h"

namespace darkroom::diffusion {

// `count` numbers from `start` to `stop`, both included; of one: `start`.
std::vector<double> Linspace(double start, double stop, int64_t count);

// Falling timesteps of a scheduler that begins at the last timestep of its spacing. Of `trailing`
// there is at times one more than `count`, and it is -1: 61 of 1000 is such a count.
std::vector<double> TimestepsFromLast(const SchedulerConfig& config, int64_t count);

// Falling timesteps of a solver that divides one finer and leaves out the lowest. It begins below
// `last`: how many timesteps there are, or fewer where the config clips them.
std::vector<double> TimestepsOfSolver(const SchedulerConfig& config, int64_t count, int64_t last);

// The table's value at a timestep between its entries, and at the ends beyond them.
double Interpolate(double timestep, std::span<const float> table);

// Where a sigma lies among the logarithms of the training's sigmas, as a timestep between them.
double TimestepOf(double sigma, std::span<const float> log_sigmas);
// The same in the reference's arithmetic for sigmas that a caller gives, which is float32.
double TimestepOfGiven(float sigma, std::span<const float> log_sigmas);

// Falling sigmas between two: arXiv:2206.00364, equation 5; and evenly in their logarithms.
std::vector<double> KarrasSigmas(double sigma_min, double sigma_max, int64_t count);
std::vector<double> ExponentialSigmas(double sigma_min, double sigma_max, int64_t count);

std::vector<float> Logarithms(std::span<const float> values);

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_SPACING_H_
