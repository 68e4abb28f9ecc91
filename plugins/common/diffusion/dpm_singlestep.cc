// SPDX-License-Identifier: Apache-2.0
//
// DPM++ 2S and its relatives: solver_order runs of the network make one long step, of which the
// latter begin again from the first's latents. DPMSolverSinglestepScheduler.
//
// State: `outputs` are the last solver_order pictures; `sample` is what the long step began from.

#include <cmath>
#include <utility>

#include "common/diffusion/dpm_solver.h"
#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class DpmSinglestep final : public DpmSolver {
 public:
  DpmSinglestep(const SchedulerConfig& config, const SamplingParams& params)
      : DpmSolver(config, params) {
    RefuseSigmas();
    const at::Tensor alphas = AlphasCumprod(config);
    SetSolverTables(
        alphas, params.timesteps.empty()
                    ? TimestepsOfSolver(config, params.steps, UnclippedTimesteps(config, alphas))
                    : params.timesteps);
    SetOrders();
  }

 private:
  Kept KeptAfter(int64_t runs) const override { return {KeptOutputs(runs), runs > 0}; }

  // 1, 2, .., solver_order, again and again. The last steps are of lower order where these do not
  // come out even, or end at a sigma of 0.
  void SetOrders() {
    const int64_t order = config().solver_order;
    const int64_t rest = count() % order;
    const bool lower = config().lower_order_final || rest != 0 || !config().end_at_sigma_min;
    for (int64_t i = 0; i < count(); ++i) orders_.push_back(i % order + 1);
    if (!lower || order == 1) return;
    if (rest == 0) orders_.back() = 1;
    if (!config().end_at_sigma_min) orders_.back() = 1;
  }

  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const int64_t index = state->index;
    Keep(Convert(output, latents, index, false), state);
    const at::Tensor noise = DrawNoise(output, output.scalar_type(), state);
    const int64_t order =
        std::min(orders_[static_cast<size_t>(index)], static_cast<int64_t>(state->outputs.size()));
    if (order == 1) state->sample = latents;
    return Advance(At(index - order + 1), At(index + 1), state->sample,
                   Differences(order, index, state->outputs), noise);
  }

  // From where the long step began.
  Series Differences(int64_t order, int64_t index, const std::vector<at::Tensor>& outputs) const {
    const auto back = [&](size_t i) { return outputs[outputs.size() - 1 - i]; };
    if (order == 1) return {back(0), {}, {}};
    const bool midpoint = config().solver_type == SolverType::kMidpoint;
    const at::Tensor here = At(index).lambda;
    const at::Tensor start = At(index - order + 1).lambda;
    const at::Tensor h = At(index + 1).lambda - start;
    const at::Tensor r0 = (here - start) / h;
    if (order == 2) return {back(1), 1.0 / r0 * (back(0) - back(1)), {}, midpoint};
    const at::Tensor r1 = (At(index - 1).lambda - start) / h;
    const at::Tensor near = 1.0 / r1 * (back(1) - back(2));
    const at::Tensor far = 1.0 / r0 * (back(0) - back(2));
    if (midpoint) return {back(2), far, {}};
    return {back(2), (r0 * near - r1 * far) / (r0 - r1), 2.0 * (far - near) / (r0 - r1)};
  }

  std::vector<int64_t> orders_;
};

}  // namespace

SchedulerPointer MakeDpmSinglestep(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<DpmSinglestep>(config, params);
}

}  // namespace darkroom::diffusion
