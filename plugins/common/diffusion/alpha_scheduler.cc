// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/alpha_scheduler.h"

#include <cmath>
#include <darkroom/plugin.hpp>
#include <string>

#include "common/diffusion/noise_schedule.h"

namespace darkroom::diffusion {

AlphaScheduler::AlphaScheduler(const SchedulerConfig& config, const SamplingParams& params)
    : Scheduler(config, params), alphas_cumprod_(AlphasCumprod(config)) {
  RefuseSigmas();
  final_alpha_ = config.set_alpha_to_one ? at::ones({}, at::kFloat) : alphas_cumprod_[0];
}

int64_t AlphaScheduler::TimestepAt(int64_t index) const {
  return static_cast<int64_t>(timesteps().at(static_cast<size_t>(index)));
}

at::Tensor AlphaScheduler::Alpha(int64_t timestep) const {
  return timestep < 0 ? final_alpha_ : AlphaInTable(timestep);
}

at::Tensor AlphaScheduler::AlphaInTable(int64_t timestep) const {
  if (timestep >= alphas_cumprod_.size(0))
    throw Error(DR_INVALID_ARGUMENT, "these steps lead to timestep " + std::to_string(timestep) +
                                         ", and the network " + "was trained on " +
                                         std::to_string(alphas_cumprod_.size(0)) +
                                         "; take fewer steps");
  return alphas_cumprod_[timestep];
}

at::Tensor AlphaScheduler::AddNoise(const at::Tensor& original, const at::Tensor& noise,
                                    int64_t index) const {
  const at::Tensor alpha = AlphaInTable(TimestepAt(index)).to(original.scalar_type());
  return at::pow(alpha, 0.5) * original + at::pow(1 - alpha, 0.5) * noise;
}

AlphaScheduler::Parts AlphaScheduler::Separate(const at::Tensor& output, const at::Tensor& latents,
                                               const at::Tensor& alpha) const {
  const at::Tensor signal = at::pow(alpha, 0.5);
  const at::Tensor noise = at::pow(1 - alpha, 0.5);
  switch (config().prediction_type) {
    case Prediction::kEpsilon:
      return {(latents - noise * output) / signal, output};
    case Prediction::kSample:
      return {output, (latents - signal * output) / noise};
    case Prediction::kVelocity:
      break;
  }
  return {signal * latents - noise * output, signal * output + noise * latents};
}

at::Tensor AlphaScheduler::Estimate(const at::Tensor& output, const at::Tensor& latents,
                                    const SchedulerState& state) const {
  at::Tensor original = Separate(output, latents, AlphaInTable(TimestepAt(state.index))).original;
  if (!config().clip_sample) return original;
  return original.clamp(-config().clip_sample_range, config().clip_sample_range);
}

std::vector<double> AlphaScheduler::DistilledTimesteps() const {
  if (!params().timesteps.empty()) {
    std::vector<double> given = params().timesteps;
    for (double& timestep : given) timestep = std::trunc(timestep);
    return given;
  }
  const int64_t original = config().original_inference_steps;
  if (original > config().num_train_timesteps)
    throw Error(DR_FAILED_PRECONDITION, config().where + ": original_inference_steps is " +
                                            std::to_string(original) +
                                            "; it must be at most num_train_timesteps, " +
                                            std::to_string(config().num_train_timesteps));
  const int64_t steps = params().steps;
  if (steps > original)
    throw Error(DR_INVALID_ARGUMENT, "steps is " + std::to_string(steps) + ", expected 1 to " +
                                         std::to_string(original) +
                                         ", the config's original_inference_steps");
  const int64_t stride = config().num_train_timesteps / original;
  const double skip = static_cast<double>(original) / static_cast<double>(steps);
  std::vector<double> timesteps;
  for (int64_t i = 0; i < steps; ++i) {
    const auto from_last = static_cast<int64_t>(std::floor(static_cast<double>(i) * skip));
    timesteps.push_back(static_cast<double>((original - from_last) * stride - 1));
  }
  return timesteps;
}

}  // namespace darkroom::diffusion
