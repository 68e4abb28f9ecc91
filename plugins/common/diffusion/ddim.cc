// SPDX-License-Identifier: Apache-2.0
//
// Denoising diffusion implicit models: arXiv:2010.02502, equation 12. DDIMScheduler.

#include <cmath>
#include <utility>

#include "common/diffusion/alpha_scheduler.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class Ddim final : public AlphaScheduler {
 public:
  Ddim(const SchedulerConfig& config, const SamplingParams& params)
      : AlphaScheduler(config, params) {
    RefuseTimesteps();
    std::vector<double> timesteps = TimestepsFromLast(config, params.steps);
    for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
    SetTables(std::move(timesteps), {});
  }

 private:
  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const int64_t timestep = TimestepAt(state->index);
    // Not the next of the list, which the spacing may have put elsewhere.
    const at::Tensor next_alpha = Alpha(timestep - config().num_train_timesteps / steps());
    const at::Tensor alpha = AlphaInTable(timestep);
    Parts parts = Separate(output, latents, alpha);
    if (config().clip_sample)
      parts.original =
          parts.original.clamp(-config().clip_sample_range, config().clip_sample_range);
    const double eta = params().eta.value_or(0);
    const at::Tensor variance = (1 - next_alpha) / (1 - alpha) * (1 - alpha / next_alpha);
    const at::Tensor deviation = eta * at::pow(variance, 0.5);
    const at::Tensor direction =
        at::pow(1 - next_alpha - at::pow(deviation, 2), 0.5) * parts.epsilon;
    const at::Tensor next = at::pow(next_alpha, 0.5) * parts.original + direction;
    if (eta == 0) return next;
    return next + deviation * state->noise.DrawLike(output, output.scalar_type());
  }
};

}  // namespace

SchedulerPointer MakeDdim(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<Ddim>(config, params);
}

}  // namespace darkroom::diffusion
