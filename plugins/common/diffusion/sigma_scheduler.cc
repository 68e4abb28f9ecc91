// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/sigma_scheduler.h"

#include <utility>

namespace darkroom::diffusion {

void SigmaScheduler::SetSigmaTables(std::vector<double> timesteps, std::vector<float> sigmas) {
  sigma_table_ = at::tensor(sigmas, at::kFloat);
  const at::Tensor largest = sigma_table_.max();
  // Leading timesteps begin below the last of the training, where the picture is not quite gone.
  const bool variance_1 = config().timestep_spacing == Spacing::kLeading;
  const at::Tensor scale = variance_1 ? at::pow(at::pow(largest, 2) + 1, 0.5) : largest;
  set_init_noise_sigma(scale.item<float>());
  SetTables(std::move(timesteps), std::move(sigmas));
}

at::Tensor SigmaScheduler::ScaleModelInput(const at::Tensor& latents,
                                           const SchedulerState& state) const {
  return latents / at::pow(at::pow(Sigma(state.index), 2) + 1, 0.5);
}

at::Tensor SigmaScheduler::AddNoise(const at::Tensor& original, const at::Tensor& noise,
                                    int64_t index) const {
  return original + noise * Sigma(index).to(original.scalar_type());
}

at::Tensor SigmaScheduler::Estimate(const at::Tensor& output, const at::Tensor& latents,
                                    const SchedulerState& state) const {
  const at::Tensor sigma = Sigma(state.index);
  at::Tensor original = Original(output, latents.to(at::kFloat), sigma, sigma);
  if (config().kind != SchedulerKind::kHeun || !config().clip_sample) return original;
  return original.clamp(-config().clip_sample_range, config().clip_sample_range);
}

at::Tensor SigmaScheduler::Original(const at::Tensor& output, const at::Tensor& latents,
                                    const at::Tensor& sigma,
                                    const at::Tensor& sigma_of_velocity) const {
  switch (config().prediction_type) {
    case Prediction::kSample:
      return output;
    case Prediction::kEpsilon:
      return latents - sigma * output;
    case Prediction::kVelocity:
      break;
  }
  const at::Tensor variance = at::pow(sigma_of_velocity, 2) + 1;
  return output * (-sigma_of_velocity / at::pow(variance, 0.5)) + latents / variance;
}

}  // namespace darkroom::diffusion
