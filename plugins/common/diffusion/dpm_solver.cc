// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/dpm_solver.h"

namespace darkroom::diffusion {

at::Tensor DpmSolver::Advance(const Point& from, const Point& to, const at::Tensor& latents,
                              const Series& series, const at::Tensor& noise) {
  const at::Tensor h = to.lambda - from.lambda;
  const bool stochastic = noise.defined();
  // The equation with new noise is the one without it at twice the length. The signs are such that
  // all terms are added; floats do not round otherwise for that.
  const at::Tensor length = stochastic ? -2.0 * h : -h;
  const at::Tensor decay = at::exp(length);
  const at::Tensor weight = stochastic ? to.alpha * (1 - decay) : -(to.alpha * (decay - 1.0));
  at::Tensor ratio = to.sigma / from.sigma;
  if (stochastic) ratio = ratio * at::exp(-h);
  at::Tensor next = ratio * latents + weight * series.value;
  if (series.first.defined()) {
    const at::Tensor slope = stochastic ? (1.0 - decay) / length : (decay - 1.0) / h;
    next = next + (series.midpoint ? 0.5 * weight : to.alpha * (slope + 1.0)) * series.first;
  }
  if (series.second.defined()) {
    const at::Tensor curve = stochastic ? (1.0 - decay + length) / at::pow(length, 2) - 0.5
                                        : -((decay - 1.0 + h) / at::pow(h, 2) - 0.5);
    next = next + to.alpha * curve * series.second;
  }
  if (stochastic) next = next + to.sigma * at::sqrt(1.0 - decay) * noise;
  return next;
}

at::Tensor DpmSolver::DrawNoise(const at::Tensor& output, at::ScalarType dtype,
                                SchedulerState* state) const {
  return config().stochastic ? state->noise.DrawLike(output, dtype) : at::Tensor();
}

}  // namespace darkroom::diffusion
