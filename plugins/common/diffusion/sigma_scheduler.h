// SPDX-License-Identifier: Apache-2.0
//
// What Euler, Euler ancestral and Heun have in common: latents are the picture with sigma times
// noise added to it, and are scaled down to variance 1 for the network.
//
// Immutable, as Scheduler says. Numbers of a step are tensors of no dimension on the CPU: float32
// with ATen's functions gives the reference's bits, which float64 or the C library's would not.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_SIGMA_SCHEDULER_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_SIGMA_SCHEDULER_H_

#include <vector>

#include "common/diffusion/scheduler.h"

namespace darkroom::diffusion {

class SigmaScheduler : public Scheduler {
 public:
  at::Tensor ScaleModelInput(const at::Tensor& latents, const SchedulerState& state) const override;
  at::Tensor AddNoise(const at::Tensor& original, const at::Tensor& noise,
                      int64_t index) const override;
  at::Tensor Estimate(const at::Tensor& output, const at::Tensor& latents,
                      const SchedulerState& state) const override;

 protected:
  using Scheduler::Scheduler;

  // SetTables, and what noise is to be multiplied with.
  void SetSigmaTables(std::vector<double> timesteps, std::vector<float> sigmas);
  at::Tensor Sigma(int64_t index) const { return sigma_table_[index]; }
  // The picture that the output means in latents that have noise of `sigma`.
  at::Tensor Original(const at::Tensor& output, const at::Tensor& latents, const at::Tensor& sigma,
                      const at::Tensor& sigma_of_velocity) const;

 private:
  at::Tensor sigma_table_;  // float32, on the CPU
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_SIGMA_SCHEDULER_H_
