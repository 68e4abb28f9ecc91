// SPDX-License-Identifier: Apache-2.0
//
// Pseudo numerical methods without their Runge-Kutta steps: a linear multistep method that begins
// with a step that is taken twice. arXiv:2202.09778. PNDMScheduler with skip_prk_steps.
//
// State: `outputs` are the last three; `sample` is what the first step began from, until it has
// been taken again.

#include <cmath>
#include <utility>

#include "common/diffusion/alpha_scheduler.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

constexpr int64_t kOrder = 4;

class Pndm final : public AlphaScheduler {
 public:
  Pndm(const SchedulerConfig& config, const SamplingParams& params)
      : AlphaScheduler(config, params) {
    RefuseTimesteps();
    std::vector<double> timesteps = TimestepsFromLast(config, params.steps);
    for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
    if (timesteps.size() > 1) timesteps.insert(timesteps.begin() + 1, timesteps[1]);
    SetTables(std::move(timesteps), {});
  }

 private:
  Kept KeptAfter(int64_t runs) const override {
    return {std::min(runs < 2 ? runs : runs - 1, kOrder), runs == 1};
  }

  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const int64_t stride = config().num_train_timesteps / steps();
    const int64_t timestep = TimestepAt(state->index);
    std::vector<at::Tensor>& past = state->outputs;
    const bool again = state->index - state->begin == 1;
    if (again) {
      const at::Tensor first = std::exchange(state->sample, {});
      return Transfer(first, timestep + stride, timestep, (output + past.back()) / 2);
    }
    if (past.size() == kOrder) past.erase(past.begin());
    past.push_back(output);
    if (state->index == state->begin) state->sample = latents;
    return Transfer(latents, timestep, timestep - stride, Extrapolate(past));
  }

  // Adams and Bashforth's weights.
  static at::Tensor Extrapolate(const std::vector<at::Tensor>& past) {
    const auto back = [&](size_t i) { return past[past.size() - i]; };
    switch (past.size()) {
      case 1:
        return back(1);
      case 2:
        return (3 * back(1) - back(2)) / 2;
      case 3:
        return (23 * back(1) - 16 * back(2) + 5 * back(3)) / 12;
      default:
        return (1.0 / 24) * (55 * back(1) - 59 * back(2) + 37 * back(3) - 9 * back(4));
    }
  }

  // Goes along the paper's curve from one timestep to another.
  at::Tensor Transfer(const at::Tensor& latents, int64_t from, int64_t to,
                      const at::Tensor& output) const {
    const at::Tensor alpha = AlphaInTable(from);
    const at::Tensor next = Alpha(to);
    const at::Tensor beta = 1 - alpha;
    at::Tensor epsilon = output;
    if (config().prediction_type == Prediction::kVelocity)
      epsilon = at::pow(alpha, 0.5) * output + at::pow(beta, 0.5) * latents;
    const at::Tensor scale = at::pow(next / alpha, 0.5);
    const at::Tensor divisor = alpha * at::pow(1 - next, 0.5) + at::pow(alpha * beta * next, 0.5);
    return scale * latents - (next - alpha) * epsilon / divisor;
  }
};

}  // namespace

SchedulerPointer MakePndm(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<Pndm>(config, params);
}

}  // namespace darkroom::diffusion
