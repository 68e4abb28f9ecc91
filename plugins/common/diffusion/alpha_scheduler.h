// SPDX-License-Identifier: Apache-2.0
//
// What DDIM, LCM, TCD and PNDM have in common: latents are sqrt(alpha) times the picture and
// sqrt(1 - alpha) times noise, with the alpha of a timestep of the training; they have no sigmas.
//
// Immutable, as Scheduler says. Numbers of a step are tensors of no dimension, for the reason that
// sigma_scheduler.h gives.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_ALPHA_SCHEDULER_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_ALPHA_SCHEDULER_H_

#include <vector>

#include "common/diffusion/scheduler.h"

namespace darkroom::diffusion {

class AlphaScheduler : public Scheduler {
 public:
  at::Tensor AddNoise(const at::Tensor& original, const at::Tensor& noise,
                      int64_t index) const override;
  at::Tensor Estimate(const at::Tensor& output, const at::Tensor& latents,
                      const SchedulerState& state) const override;

 protected:
  AlphaScheduler(const SchedulerConfig& config, const SamplingParams& params);

  int64_t TimestepAt(int64_t index) const;
  // The alpha of a timestep; of one below 0 that of the end of a run. Throws Error
  // (DR_INVALID_ARGUMENT) beyond the training's last.
  at::Tensor Alpha(int64_t timestep) const;
  at::Tensor AlphaAtEnd() const { return final_alpha_; }
  // The training's table, counted from its end below 0, as Python does.
  at::Tensor AlphaInTable(int64_t timestep) const;

  // What the output means: the picture, and the noise that is in the latents.
  struct Parts {
    at::Tensor original;
    at::Tensor epsilon;
  };
  Parts Separate(const at::Tensor& output, const at::Tensor& latents,
                 const at::Tensor& alpha) const;

  // Timesteps of a network that was distilled to take few steps: some of original_inference_steps.
  std::vector<double> DistilledTimesteps() const;

 private:
  at::Tensor alphas_cumprod_;
  at::Tensor final_alpha_;
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_ALPHA_SCHEDULER_H_
