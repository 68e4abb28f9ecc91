// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/solver.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {

bool Solver::HasFreeSigmas() const {
  return config().use_karras_sigmas || config().use_exponential_sigmas || config().use_lu_lambdas;
}

std::vector<double> Solver::FreeSigmas(const std::vector<float>& training) const {
  const double low = config().sigma_min.value_or(training.front());
  const double high = config().sigma_max.value_or(training.back());
  if (config().use_karras_sigmas) return KarrasSigmas(low, high, params().steps);
  if (!config().use_lu_lambdas) return ExponentialSigmas(low, high, params().steps);
  // arXiv:2206.00927's uniform steps in lambda, of the training's own ends.
  std::vector<double> sigmas;
  for (const double logarithm :
       Linspace(std::log(training.back()), std::log(training.front()), params().steps))
    sigmas.push_back(std::exp(logarithm));
  return sigmas;
}

void Solver::SetSolverTables(const at::Tensor& alphas_cumprod, std::vector<double> timesteps) {
  const std::vector<float> training = TrainingSigmas(alphas_cumprod);
  std::vector<double> sigmas;
  double last = config().end_at_sigma_min ? training.front() : 0;
  if (HasFreeSigmas()) {
    RefuseTimesteps();
    sigmas = FreeSigmas(training);
    const bool unipc = config().kind == SchedulerKind::kUniPc;
    // UniPC's own reading of final_sigmas_type.
    if (unipc && config().end_at_sigma_min) last = sigmas.back();
    const bool curve = config().kind == SchedulerKind::kDpmMultistep &&
                       config().beta_schedule == "squaredcos_cap_v2";
    const bool round = !curve && (config().use_karras_sigmas || config().use_lu_lambdas);
    const std::vector<float> logarithms = Logarithms(training);
    timesteps.clear();
    for (const double sigma : sigmas) {
      const double timestep = TimestepOf(sigma, logarithms);
      timesteps.push_back(round ? std::nearbyint(timestep) : timestep);
    }
  } else {
    for (const double timestep : timesteps) sigmas.push_back(Interpolate(timestep, training));
  }
  for (double& timestep : timesteps) timestep = std::trunc(timestep);
  std::vector<float> table(sigmas.begin(), sigmas.end());
  table.push_back(static_cast<float>(last));
  sigma_table_ = at::tensor(table, at::kFloat);
  SetTables(std::move(timesteps), std::move(table));
}

Solver::Point Solver::At(int64_t index) const {
  const at::Tensor ratio = sigma_table_[index];
  const at::Tensor alpha = at::pow(at::pow(ratio, 2) + 1, 0.5).reciprocal();
  const at::Tensor sigma = ratio * alpha;
  return {alpha, sigma, at::log(alpha) - at::log(sigma)};
}

at::Tensor Solver::AddNoise(const at::Tensor& original, const at::Tensor& noise,
                            int64_t index) const {
  const at::Tensor ratio = sigma_table_[index].to(original.scalar_type());
  const at::Tensor alpha = at::pow(at::pow(ratio, 2) + 1, 0.5).reciprocal();
  return alpha * original + ratio * alpha * noise;
}

at::Tensor Solver::Estimate(const at::Tensor& output, const at::Tensor& latents,
                            const SchedulerState& state) const {
  return Convert(output, latents, state.index, false);
}

at::Tensor Solver::Convert(const at::Tensor& output, const at::Tensor& latents, int64_t index,
                           bool epsilon) const {
  const Point here = At(index);
  switch (config().prediction_type) {
    case Prediction::kEpsilon:
      return epsilon ? output : (latents - here.sigma * output) / here.alpha;
    case Prediction::kSample:
      return epsilon ? (latents - here.alpha * output) / here.sigma : output;
    case Prediction::kVelocity:
      break;
  }
  return epsilon ? here.alpha * output + here.sigma * latents
                 : here.alpha * latents - here.sigma * output;
}

int64_t Solver::KeptOutputs(int64_t runs) const { return std::min(runs, config().solver_order); }

void Solver::Keep(const at::Tensor& output, SchedulerState* state) const {
  std::vector<at::Tensor>& outputs = state->outputs;
  if (static_cast<int64_t>(outputs.size()) == config().solver_order) outputs.erase(outputs.begin());
  outputs.push_back(output);
}

}  // namespace darkroom::diffusion
