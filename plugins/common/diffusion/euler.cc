// SPDX-License-Identifier: Apache-2.0
//
// Euler's method: arXiv:2206.00364, algorithm 2 without its second order. EulerDiscreteScheduler.

#include <algorithm>
#include <cmath>
#include <darkroom/plugin.hpp>
#include <utility>

#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/sigma_scheduler.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class Euler final : public SigmaScheduler {
 public:
  Euler(const SchedulerConfig& config, const SamplingParams& params)
      : SigmaScheduler(config, params) {
    const at::Tensor alphas = AlphasCumprod(config);
    const std::vector<float> training = TrainingSigmas(alphas);
    std::vector<double> timesteps;
    std::vector<float> sigmas;
    if (params.sigmas.empty()) {
      CheckTimesteps();
      timesteps = ChooseTimesteps();
      sigmas = ChooseSigmas(training, &timesteps);
    } else {
      sigmas.assign(params.sigmas.begin(), params.sigmas.end());
      const std::vector<float> logarithms = Logarithms(training);
      for (size_t i = 0; i + 1 < sigmas.size(); ++i)
        timesteps.push_back(TimestepOfGiven(sigmas[i], logarithms));
    }
    if (IsContinuous()) {
      timesteps.clear();
      for (size_t i = 0; i + 1 < sigmas.size(); ++i)
        timesteps.push_back(static_cast<double>(0.25F * std::log(sigmas[i])));
    }
    for (double& timestep : timesteps) timestep = static_cast<float>(timestep);
    SetSigmaTables(std::move(timesteps), std::move(sigmas));
  }

 private:
  bool IsContinuous() const {
    return config().continuous_timesteps && config().prediction_type == Prediction::kVelocity;
  }

  void CheckTimesteps() const {
    if (params().timesteps.empty()) return;
    if (config().use_karras_sigmas || config().use_exponential_sigmas || IsContinuous())
      RefuseTimesteps();
  }

  std::vector<double> ChooseTimesteps() const {
    std::vector<double> timesteps = params().timesteps.empty()
                                        ? TimestepsFromLast(config(), params().steps)
                                        : params().timesteps;
    for (double& timestep : timesteps) timestep = static_cast<float>(timestep);
    return timesteps;
  }

  // Changes the timesteps to those of the sigmas, where these do not follow them.
  std::vector<float> ChooseSigmas(const std::vector<float>& training,
                                  std::vector<double>* timesteps) const {
    const auto count =
        params().steps != 0 ? params().steps : static_cast<int64_t>(timesteps->size());
    std::vector<double> sigmas;
    if (config().interpolate_logarithms) {
      const at::Tensor even = at::exp(at::linspace(
          std::log(training.back()), std::log(training.front()), count + 1, at::kFloat));
      for (int64_t i = 0; i <= count; ++i) sigmas.push_back(even[i].item<float>());
    } else {
      for (const double timestep : *timesteps) sigmas.push_back(Interpolate(timestep, training));
    }
    if (config().use_karras_sigmas || config().use_exponential_sigmas) {
      const double low = config().sigma_min.value_or(sigmas.back());
      const double high = config().sigma_max.value_or(sigmas.front());
      sigmas = config().use_karras_sigmas ? KarrasSigmas(low, high, count)
                                          : ExponentialSigmas(low, high, count);
      const std::vector<float> logarithms = Logarithms(training);
      timesteps->clear();
      for (const double sigma : sigmas) timesteps->push_back(TimestepOf(sigma, logarithms));
    }
    std::vector<float> table(sigmas.begin(), sigmas.end());
    table.push_back(config().end_at_sigma_min ? training.front() : 0);
    return table;
  }

  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    at::Tensor sample = latents.to(at::kFloat);
    const at::Tensor sigma = Sigma(state->index);
    const double churn = Churn(sigma.item<float>());
    const at::Tensor sigma_hat = sigma * (churn + 1);
    if (churn > 0) {
      const at::Tensor noise = state->noise.DrawLike(output, output.scalar_type());
      sample = sample +
               noise * params().s_noise * at::pow(at::pow(sigma_hat, 2) - at::pow(sigma, 2), 0.5);
    }
    const at::Tensor original = Original(output, sample, sigma_hat, sigma);
    const at::Tensor derivative = (sample - original) / sigma_hat;
    const at::Tensor next = sample + derivative * (Sigma(state->index + 1) - sigma_hat);
    return next.to(output.scalar_type());
  }

  double Churn(double sigma) const {
    if (sigma < params().s_tmin || sigma > params().s_tmax) return 0;
    return std::min(params().s_churn / static_cast<double>(sigmas().size() - 1),
                    std::sqrt(2.0) - 1);
  }
};

}  // namespace

SchedulerPointer MakeEuler(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<Euler>(config, params);
}

}  // namespace darkroom::diffusion
