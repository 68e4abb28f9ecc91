// SPDX-License-Identifier: Apache-2.0
//
// Euler's method that goes down further than the next sigma, and adds new noise up to it.
// EulerAncestralDiscreteScheduler.

#include <utility>

#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/sigma_scheduler.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class EulerAncestral final : public SigmaScheduler {
 public:
  EulerAncestral(const SchedulerConfig& config, const SamplingParams& params)
      : SigmaScheduler(config, params) {
    RefuseTimesteps();
    RefuseSigmas();
    const at::Tensor alphas = AlphasCumprod(config);
    const std::vector<float> training = TrainingSigmas(alphas);
    std::vector<double> timesteps = TimestepsFromLast(config, params.steps);
    std::vector<float> sigmas;
    for (double& timestep : timesteps) {
      timestep = static_cast<float>(timestep);
      sigmas.push_back(static_cast<float>(Interpolate(timestep, training)));
    }
    sigmas.push_back(0);
    SetSigmaTables(std::move(timesteps), std::move(sigmas));
  }

 private:
  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const at::Tensor sample = latents.to(at::kFloat);
    const at::Tensor from = Sigma(state->index);
    const at::Tensor to = Sigma(state->index + 1);
    const at::Tensor original = Original(output, sample, from, from);
    const at::Tensor up =
        at::pow(at::pow(to, 2) * (at::pow(from, 2) - at::pow(to, 2)) / at::pow(from, 2), 0.5);
    const at::Tensor down = at::pow(at::pow(to, 2) - at::pow(up, 2), 0.5);
    const at::Tensor derivative = (sample - original) / from;
    const at::Tensor next = sample + derivative * (down - from);
    const at::Tensor noise = state->noise.DrawLike(output, output.scalar_type());
    return (next + noise * up).to(output.scalar_type());
  }
};

}  // namespace

SchedulerPointer MakeEulerAncestral(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<EulerAncestral>(config, params);
}

}  // namespace darkroom::diffusion
