// SPDX-License-Identifier: Apache-2.0
//
// Heun's method: arXiv:2206.00364, algorithm 1. A step is two runs of the network: one goes to the
// next sigma, the second looks from there and the step is taken again by the mean of both slopes.
// HeunDiscreteScheduler.
//
// State: after a first run `outputs` holds its slope, and `sample` the latents it began from.

#include <utility>

#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/sigma_scheduler.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class Heun final : public SigmaScheduler {
 public:
  Heun(const SchedulerConfig& config, const SamplingParams& params)
      : SigmaScheduler(config, params) {
    RefuseSigmas();
    const bool free_sigmas = config.use_karras_sigmas || config.use_exponential_sigmas;
    if (free_sigmas) RefuseTimesteps();
    set_runs_per_step(2);
    const at::Tensor alphas = AlphasCumprod(config);
    const std::vector<float> training = TrainingSigmas(alphas);
    std::vector<double> timesteps =
        params.timesteps.empty() ? TimestepsFromLast(config, params.steps) : params.timesteps;
    std::vector<double> sigmas;
    for (double& timestep : timesteps) {
      timestep = static_cast<float>(timestep);
      sigmas.push_back(Interpolate(timestep, training));
    }
    if (free_sigmas) {
      const double low = config.sigma_min.value_or(sigmas.back());
      const double high = config.sigma_max.value_or(sigmas.front());
      sigmas = config.use_karras_sigmas ? KarrasSigmas(low, high, params.steps)
                                        : ExponentialSigmas(low, high, params.steps);
      const std::vector<float> logarithms = Logarithms(training);
      timesteps.clear();
      for (const double sigma : sigmas) timesteps.push_back(TimestepOf(sigma, logarithms));
    }
    SetDoubled(timesteps, sigmas);
  }

 private:
  // All but the first are for two runs: the second of the step before, and the first of theirs.
  void SetDoubled(const std::vector<double>& timesteps, const std::vector<double>& sigmas) {
    std::vector<double> all_timesteps;
    std::vector<float> all_sigmas;
    for (size_t i = 0; i < timesteps.size(); ++i) {
      for (int run = i == 0 ? 1 : 0; run < 2; ++run) {
        all_timesteps.push_back(static_cast<float>(timesteps[i]));
        all_sigmas.push_back(static_cast<float>(sigmas[i]));
      }
    }
    all_sigmas.push_back(0);
    SetSigmaTables(std::move(all_timesteps), std::move(all_sigmas));
  }

  Kept KeptAfter(int64_t runs) const override { return {runs % 2, runs % 2 == 1}; }

  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const bool first = state->outputs.empty();
    const at::Tensor from = Sigma(first ? state->index : state->index - 1);
    const at::Tensor to = Sigma(first ? state->index + 1 : state->index);
    const at::Tensor here = first ? from : to;
    at::Tensor original = Original(output, latents, here, here);
    if (config().clip_sample)
      original = original.clamp(-config().clip_sample_range, config().clip_sample_range);
    const at::Tensor slope = (latents - original) / here;
    if (first) {
      state->outputs = {slope};
      state->sample = latents;
      return latents + slope * (to - from);
    }
    const at::Tensor mean = (state->outputs.front() + slope) / 2;
    const at::Tensor next = state->sample + mean * (to - from);
    state->outputs.clear();
    state->sample = at::Tensor();
    return next;
  }
};

}  // namespace

SchedulerPointer MakeHeun(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<Heun>(config, params);
}

}  // namespace darkroom::diffusion
