// SPDX-License-Identifier: Apache-2.0
//
// UniPC: a multistep predictor, whose step the next output corrects afterwards. arXiv:2302.04867.
// UniPCMultistepScheduler.
//
// State: `outputs` are the last solver_order outputs, converted; `sample` is what the last step
// began from.

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/diffusion/noise_schedule.h"
#include "common/diffusion/schedulers.h"
#include "common/diffusion/solver.h"
#include "common/diffusion/spacing.h"

namespace darkroom::diffusion {
namespace {

class UniPc final : public Solver {
 public:
  UniPc(const SchedulerConfig& config, const SamplingParams& params) : Solver(config, params) {
    RefuseTimesteps();
    RefuseSigmas();
    SetSolverTables(AlphasCumprod(config),
                    TimestepsOfSolver(config, params.steps, config.num_train_timesteps));
  }

 private:
  Kept KeptAfter(int64_t runs) const override { return {KeptOutputs(runs), runs > 0}; }

  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const int64_t index = state->index;
    const at::Tensor converted = Convert(output, latents, index, !config().predict_x0);
    at::Tensor sample = latents;
    if (index > state->begin && !std::ranges::count(config().disable_corrector, index - 1))
      sample = Correct(converted, index, OrderAt(index - 1, state->begin), *state);
    Keep(converted, state);
    state->sample = sample;
    return Predict(sample, index, OrderAt(index, state->begin), *state).to(sample.scalar_type());
  }

  int64_t OrderAt(int64_t index, int64_t begin) const {
    int64_t order = config().solver_order;
    if (config().lower_order_final) order = std::min(order, count() - index);
    return std::min(order, index - begin + 1);
  }

  // One step of `order` outputs, of which the newest is that of entry `from`.
  struct Advance {
    at::Tensor linear;       // the latents at its end, but for differences
    at::Tensor weight;       // of these
    at::Tensor differences;  // undefined: none; otherwise stacked along the second dimension
    at::Tensor matrix;       // whose solution is the differences' weights
    at::Tensor right;
  };
  Advance Prepare(const at::Tensor& sample, int64_t from, int64_t order,
                  const std::vector<at::Tensor>& outputs) const {
    const Point start = At(from);
    const Point end = At(from + 1);
    const at::Tensor h = end.lambda - start.lambda;
    const at::Tensor& newest = outputs.back();
    std::vector<at::Tensor> ratios;
    std::vector<at::Tensor> differences;
    for (int64_t i = 1; i < order; ++i) {
      ratios.push_back((At(from - i).lambda - start.lambda) / h);
      differences.push_back((outputs[outputs.size() - 1 - static_cast<size_t>(i)] - newest) /
                            ratios.back());
    }
    ratios.push_back(at::ones({}, at::kFloat));
    const at::Tensor signed_h = config().predict_x0 ? -h : h;
    const at::Tensor phi = at::expm1(signed_h);
    const at::Tensor scale = config().solver_type == SolverType::kBh1 ? signed_h : phi;

    Advance advance;
    const at::Tensor points = at::stack(ratios);
    std::vector<at::Tensor> rows;
    std::vector<at::Tensor> right;
    at::Tensor term = phi / signed_h - 1;
    int64_t factorial = 1;
    for (int64_t i = 1; i <= order; ++i) {
      rows.push_back(at::pow(points, i - 1));
      right.push_back(term * factorial / scale);
      factorial *= i + 1;
      term = term / signed_h - 1 / static_cast<double>(factorial);
    }
    advance.matrix = at::stack(rows);
    advance.right = at::stack(right);
    if (!differences.empty()) advance.differences = at::stack(differences, 1);

    const bool x0 = config().predict_x0;
    const at::Tensor factor = x0 ? end.alpha : end.sigma;
    const at::Tensor ratio = x0 ? end.sigma / start.sigma : end.alpha / start.alpha;
    advance.linear = ratio * sample - factor * phi * newest;
    advance.weight = factor * scale;
    return advance;
  }

  at::Tensor Predict(const at::Tensor& sample, int64_t index, int64_t order,
                     const SchedulerState& state) const {
    const Advance advance = Prepare(sample, index, order, state.outputs);
    // Not 0 times the weight, which is infinite in bh1's last step.
    if (order == 1) return advance.linear;
    const at::Tensor weights =
        order == 2 ? at::ones({1}, sample.options()) * 0.5
                   : at::linalg_solve(advance.matrix.slice(0, 0, -1).slice(1, 0, -1),
                                      advance.right.slice(0, 0, -1))
                         .to(sample.device(), sample.scalar_type());
    return advance.linear - advance.weight * Sum(weights, advance.differences);
  }

  // The last step taken again, now that it is known where it led.
  at::Tensor Correct(const at::Tensor& converted, int64_t index, int64_t order,
                     const SchedulerState& state) const {
    const Advance advance = Prepare(state.sample, index - 1, order, state.outputs);
    const at::Tensor weights = order == 1
                                   ? at::ones({1}, state.sample.options()) * 0.5
                                   : at::linalg_solve(advance.matrix, advance.right)
                                         .to(state.sample.device(), state.sample.scalar_type());
    at::Tensor sum = weights[-1] * (converted - state.outputs.back());
    if (order > 1) sum = Sum(weights.slice(0, 0, -1), advance.differences) + sum;
    return (advance.linear - advance.weight * sum).to(state.sample.scalar_type());
  }

  static at::Tensor Sum(const at::Tensor& weights, const at::Tensor& differences) {
    return at::einsum("k,bkc...->bc...", {weights, differences});
  }
};

}  // namespace

SchedulerPointer MakeUniPc(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<UniPc>(config, params);
}

}  // namespace darkroom::diffusion
