// SPDX-License-Identifier: Apache-2.0
//
// Latent consistency models: arXiv:2310.04378. LCMScheduler.

#include <utility>

#include "common/diffusion/alpha_scheduler.h"
#include "common/diffusion/schedulers.h"

namespace darkroom::diffusion {
namespace {

class Lcm final : public AlphaScheduler {
 public:
  Lcm(const SchedulerConfig& config, const SamplingParams& params)
      : AlphaScheduler(config, params) {
    SetTables(DistilledTimesteps(), {});
  }

 private:
  at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                    SchedulerState* state) const override {
    const bool last = state->index + 1 == count();
    const int64_t timestep = TimestepAt(state->index);
    at::Tensor original = Separate(output, latents, AlphaInTable(timestep)).original;
    if (config().clip_sample)
      original = original.clamp(-config().clip_sample_range, config().clip_sample_range);
    const at::Tensor denoised = AtBoundary(original, latents, timestep);
    if (last) return denoised;
    const at::Tensor next_alpha = AlphaInTable(TimestepAt(state->index + 1));
    const at::Tensor noise = state->noise.DrawLike(output, denoised.scalar_type());
    return next_alpha.sqrt() * denoised + (1 - next_alpha).sqrt() * noise;
  }

  // At timestep 0 the function of the model is the identity.
  at::Tensor AtBoundary(const at::Tensor& original, const at::Tensor& latents,
                        int64_t timestep) const {
    constexpr double kSigmaOfData = 0.5;
    const at::Tensor scaled = at::scalar_tensor(timestep, at::kLong) * config().timestep_scaling;
    const at::Tensor variance = at::pow(scaled, 2) + kSigmaOfData * kSigmaOfData;
    const at::Tensor skip = variance.reciprocal() * (kSigmaOfData * kSigmaOfData);
    const at::Tensor out = scaled / at::pow(variance, 0.5);
    return out * original + skip * latents;
  }
};

}  // namespace

SchedulerPointer MakeLcm(const SchedulerConfig& config, const SamplingParams& params) {
  return std::make_unique<Lcm>(config, params);
}

}  // namespace darkroom::diffusion
