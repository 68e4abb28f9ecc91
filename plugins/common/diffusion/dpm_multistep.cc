// SPDX-License-Identifier: Apache-2.0
//
// DPM++ 2M and its relatives: differences are those of the steps before.
// DPMSolverMultistepScheduler.
//
// State: `outputs` are the last solver_order pictures.

#include <cmath>
#include <utility>

#include "common/diffusion/dpm_solver.h"
#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class DpmMultistep final : public DpmSolver {
 public:
  DpmMultistep(const SchedulerConfig& config, const SamplingParams& params)
      : DpmSolver(config, params) {
    RefuseSigmas();
    const at::Tensor alphas = AlphasCumprod(config);
    SetSolverTables(
        alphas, params.timesteps.empty()
                    ? TimestepsOfSolver(config, params.steps, UnclippedTimesteps(config, alphas))
                    : params.timesteps);
  }

 private:
  Kept KeptAfter(int64_t runs) const override { return {KeptOutputs(runs), false}; }

  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const int64_t index = state->index;
    Keep(Convert(output, latents, index, false), state);
    const at::Tensor noise = DrawNoise(output, at::kFloat, state);
    const Series series = Differences(OrderAt(*state), index, state->outputs);
    return Advance(At(index), At(index + 1), latents.to(at::kFloat), series, noise)
        .to(output.scalar_type());
  }

  // Lower where fewer outputs are known, and at the end, where a high order is not stable.
  int64_t OrderAt(const SchedulerState& state) const {
    constexpr int64_t kFewSteps = 15;
    const bool few = config().lower_order_final && count() < kFewSteps;
    const int64_t order = std::min(config().solver_order, state.index - state.begin + 1);
    if (state.index == count() - 1 &&
        (few || config().euler_at_final || !config().end_at_sigma_min))
      return 1;
    if (state.index == count() - 2 && few) return std::min<int64_t>(order, 2);
    return order;
  }

  Series Differences(int64_t order, int64_t index, const std::vector<at::Tensor>& outputs) const {
    const auto back = [&](size_t i) { return outputs[outputs.size() - 1 - i]; };
    if (order == 1) return {back(0), {}, {}};
    const at::Tensor here = At(index).lambda;
    const at::Tensor before = At(index - 1).lambda;
    const at::Tensor h = At(index + 1).lambda - here;
    const at::Tensor r0 = (here - before) / h;
    const at::Tensor first = 1.0 / r0 * (back(0) - back(1));
    if (order == 2) return {back(0), first, {}, config().solver_type == SolverType::kMidpoint};
    const at::Tensor r1 = (before - At(index - 2).lambda) / h;
    const at::Tensor earlier = 1.0 / r1 * (back(1) - back(2));
    return {back(0), first + r0 / (r0 + r1) * (first - earlier),
            1.0 / (r0 + r1) * (first - earlier)};
  }
};

}  // namespace

SchedulerPointer MakeDpmMultistep(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<DpmMultistep>(config, params);
}

}  // namespace darkroom::diffusion
