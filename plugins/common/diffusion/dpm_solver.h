// SPDX-License-Identifier: Apache-2.0
//
// DPM-Solver++'s step, deterministic or with new noise: arXiv:2211.01095, algorithms 1 and 2 and
// their stochastic forms. Multistep and singlestep differ only in where differences come from.
//
// Immutable, as Scheduler says.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_DPM_SOLVER_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_DPM_SOLVER_H_

#include "common/diffusion/solver.h"

namespace darkroom::diffusion {

class DpmSolver : public Solver {
 protected:
  using Solver::Solver;

  // The picture's Taylor series at the entry that the step begins from.
  struct Series {
    at::Tensor value;
    at::Tensor first;       // undefined: order 1
    at::Tensor second;      // undefined: order 2
    bool midpoint = false;  // the first derivative's weight is that of the midpoint method
  };
  // Latents at `to`, of those at `from`. `noise` is undefined in a deterministic run.
  static at::Tensor Advance(const Point& from, const Point& to, const at::Tensor& latents,
                            const Series& series, const at::Tensor& noise);
  // The step's noise, where the config wants one.
  at::Tensor DrawNoise(const at::Tensor& output, at::ScalarType dtype, SchedulerState* state) const;
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_DPM_SOLVER_H_
