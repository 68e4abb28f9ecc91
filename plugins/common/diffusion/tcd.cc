// SPDX-License-Identifier: Apache-2.0
//
// Trajectory consistency distillation: arXiv:2402.19159. TCDScheduler.

#include <utility>

#include "common/diffusion/alpha_scheduler.h"
#include "common/diffusion/schedulers.h"

namespace darkroom::diffusion {
namespace {

class Tcd final : public AlphaScheduler {
 public:
  Tcd(const SchedulerConfig& config, const SamplingParams& params)
      : AlphaScheduler(config, params) {
    SetTables(DistilledTimesteps(), {});
  }

 private:
  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    constexpr double kEta = 0.3;  // the paper's gamma
    const double eta = params().eta.value_or(kEta);
    const bool last = state->index + 1 == count();
    const int64_t next_timestep = last ? 0 : TimestepAt(state->index + 1);
    const at::Tensor below = at::floor(at::scalar_tensor(next_timestep, at::kLong) * (1 - eta));
    const at::Tensor alpha = AlphaInTable(TimestepAt(state->index));
    const at::Tensor alpha_below = AlphaInTable(below.item<int64_t>());
    const Parts parts = Separate(output, latents, alpha);
    const at::Tensor noised =
        alpha_below.sqrt() * parts.original + (1 - alpha_below).sqrt() * parts.epsilon;
    if (eta == 0 || last) return noised;
    const at::Tensor kept = AlphaInTable(next_timestep) / alpha_below;
    const at::Tensor noise = state->noise.DrawLike(output, noised.scalar_type());
    return kept.sqrt() * noised + (1 - kept).sqrt() * noise;
  }
};

}  // namespace

SchedulerPointer MakeTcd(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<Tcd>(config, params);
}

}  // namespace darkroom::diffusion
