// SPDX-License-Identifier: Apache-2.0
//
// What the solvers (DPM++ and UniPC) have in common: latents of variance 1, and steps in lambda,
// the logarithm of the signal to noise ratio, in which the equation's linear part is exact.
//
// Immutable, as Scheduler says. Numbers of a step are tensors of no dimension, for the reason that
// sigma_scheduler.h gives: differences of lambdas lose much of float32, and the reference too.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_SOLVER_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_SOLVER_H_

#include <vector>

#include "common/diffusion/scheduler.h"

namespace darkroom::diffusion {

class Solver : public Scheduler {
 public:
  at::Tensor AddNoise(const at::Tensor& original, const at::Tensor& noise,
                      int64_t index) const override;
  at::Tensor Estimate(const at::Tensor& output, const at::Tensor& latents,
                      const SchedulerState& state) const override;

 protected:
  using Scheduler::Scheduler;

  // An entry of the tables.
  struct Point {
    at::Tensor alpha;
    at::Tensor sigma;
    at::Tensor lambda;
  };
  Point At(int64_t index) const;

  // Makes the tables of the config and `timesteps`, which Karras' and other sigmas replace.
  void SetSolverTables(const at::Tensor& alphas_cumprod, std::vector<double> timesteps);
  // What the output means: the picture, or with `epsilon` the noise.
  at::Tensor Convert(const at::Tensor& output, const at::Tensor& latents, int64_t index,
                     bool epsilon) const;
  // After `runs` of them the last solver_order outputs are kept; the newest last.
  int64_t KeptOutputs(int64_t runs) const;
  void Keep(const at::Tensor& output, SchedulerState* state) const;

 private:
  bool HasFreeSigmas() const;
  std::vector<double> FreeSigmas(const std::vector<float>& training) const;

  at::Tensor sigma_table_;  // float32, on the CPU
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_SOLVER_H_
