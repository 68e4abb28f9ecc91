// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/noise_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace darkroom::diffusion {
namespace {

double AlphaBar(const std::string& schedule, double t) {
  if (schedule == "exp") return std::exp(t * -12.0);
  const double cosine = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
  return cosine * cosine;
}

// Betas whose products follow a curve: arXiv:2102.09672.
at::Tensor BetasOfCurve(const std::string& schedule, int64_t count) {
  constexpr double kMost = 0.999;
  std::vector<double> betas;
  for (int64_t i = 0; i < count; ++i) {
    const double from = static_cast<double>(i) / static_cast<double>(count);
    const double to = static_cast<double>(i + 1) / static_cast<double>(count);
    betas.push_back(std::min(1 - AlphaBar(schedule, to) / AlphaBar(schedule, from), kMost));
  }
  return at::tensor(betas, at::kFloat);
}

at::Tensor Betas(const SchedulerConfig& config) {
  const int64_t count = config.num_train_timesteps;
  if (!config.trained_betas.empty()) return at::tensor(config.trained_betas, at::kFloat);
  if (config.beta_schedule == "linear")
    return at::linspace(config.beta_start, config.beta_end, count, at::kFloat);
  if (config.beta_schedule == "scaled_linear")
    return at::pow(at::linspace(std::pow(config.beta_start, 0.5), std::pow(config.beta_end, 0.5),
                                count, at::kFloat),
                   2);
  return BetasOfCurve(config.beta_schedule, count);
}

// Betas changed so that nothing of the picture is left at the last timestep: arXiv:2305.08891.
at::Tensor WithoutSignalAtTheEnd(const at::Tensor& betas) {
  at::Tensor roots = at::sqrt(at::cumprod(1.0 - betas, 0));
  const at::Tensor first = roots[0].clone();
  const at::Tensor last = roots[-1].clone();
  roots = (roots - last) * (first / (first - last));
  const at::Tensor products = at::pow(roots, 2);
  const at::Tensor alphas = products.slice(0, 1) / products.slice(0, 0, -1);
  return 1 - at::cat({products.slice(0, 0, 1), alphas});
}

}  // namespace

at::Tensor AlphasCumprod(const SchedulerConfig& config) {
  at::Tensor betas = Betas(config);
  if (config.rescale_betas_zero_snr) betas = WithoutSignalAtTheEnd(betas);
  at::Tensor alphas = at::cumprod(1.0 - betas, 0);
  const bool has_sigmas = config.kind != SchedulerKind::kDdim &&
                          config.kind != SchedulerKind::kLcm && config.kind != SchedulerKind::kTcd;
  // Near enough to 0 for a sigma that is finite.
  if (config.rescale_betas_zero_snr && has_sigmas) alphas[-1] = std::ldexp(1.0, -24);
  return alphas;
}

std::vector<float> TrainingSigmas(const at::Tensor& alphas_cumprod) {
  const at::Tensor sigmas = at::pow((1 - alphas_cumprod) / alphas_cumprod, 0.5).contiguous();
  const float* data = sigmas.const_data_ptr<float>();
  return {data, data + sigmas.numel()};
}

int64_t UnclippedTimesteps(const SchedulerConfig& config, const at::Tensor& alphas_cumprod) {
  const at::Tensor lambdas =
      at::log(at::sqrt(alphas_cumprod)) - at::log(at::sqrt(1 - alphas_cumprod));
  return (lambdas.to(at::kDouble) >= config.lambda_min_clipped).sum().item<int64_t>();
}

}  // namespace darkroom::diffusion
