// SPDX-License-Identifier: Apache-2.0

#include "sdxl/source.h"

namespace darkroom::sdxl {
namespace {

int64_t Missing(int64_t edge, int64_t factor) { return (factor - edge % factor) % factor; }

}  // namespace

SourcePicture ReadSource(const at::Tensor& bytes, const at::Tensor& mask, int64_t factor) {
  const int64_t colours = bytes.size(2) < 3 ? 1 : 3;
  const at::Tensor planes = bytes.narrow(2, 0, colours)
                                .expand({-1, -1, 3})
                                .permute({2, 0, 1})
                                .unsqueeze(0)
                                .to(at::kFloat)
                                .div_(255);
  const int64_t right = Missing(bytes.size(1), factor);
  const int64_t below = Missing(bytes.size(0), factor);
  SourcePicture source;
  source.pixels = at::replication_pad2d(planes.contiguous(), {0, right, 0, below}).mul_(2).sub_(1);
  if (mask.defined())
    source.mask =
        at::constant_pad_nd(mask.to(at::kFloat).unsqueeze(0).unsqueeze(0), {0, right, 0, below});
  return source;
}

Source::Source(const Vae& vae, const SourcePicture& picture, const nn::Placement& placement,
               bool sees_mask, int64_t tile)
    : vae_(vae),
      placement_(placement),
      has_mask_(picture.mask.defined()),
      sees_mask_(sees_mask),
      is_begun_(picture.is_begun),
      is_all_noise_(has_mask_ && !is_begun_ && picture.strength >= 1.0) {
  if (!sees_mask_ || !is_all_noise_) picture_ = vae.Encode(picture.pixels, tile);
  if (!has_mask_) return;
  const int64_t factor = vae.config().factor();
  if (sees_mask_) masked_ = vae.Encode(picture.pixels * picture.mask.lt(0.5), tile);
  mask_ = placement.Place(at::upsample_nearest2d(
      picture.mask, {picture.mask.size(2) / factor, picture.mask.size(3) / factor}));
}

at::Tensor Source::Sample(const Posterior& posterior, diffusion::SchedulerState* state) const {
  const at::Tensor noise = state->noise.DrawLike(posterior.mean, posterior.mean.scalar_type());
  return placement_.Place(vae_.ToDiffusion(posterior.Sample(noise)))
      .contiguous(at::MemoryFormat::Contiguous);
}

Start Source::Begin(const diffusion::Scheduler& scheduler, diffusion::SchedulerState* state) const {
  Start start;
  if (picture_.mean.defined()) start.original = Sample(picture_, state);
  const Posterior& any = picture_.mean.defined() ? picture_ : masked_;
  if (!is_begun_ || has_mask_)
    start.noise = state->noise.Draw(any.mean.sizes(), placement_.dtype, placement_.device);
  if (is_begun_) {
    start.latents = start.original;
  } else {
    start.latents = is_all_noise_ ? start.noise * scheduler.init_noise_sigma()
                                  : scheduler.AddNoise(start.original, start.noise, state->index);
  }
  if (sees_mask_) {
    start.seen = at::cat({mask_, Sample(masked_, state)}, 1);
  } else if (has_mask_) {
    start.mask = mask_;
    // The reference encodes what the mask leaves here too, and does not look at it; but what it
    // draws for that is drawn.
    state->noise.DrawLike(picture_.mean, picture_.mean.scalar_type());
  }
  return start;
}

at::Tensor Blended(const Start& start, const at::Tensor& latents,
                   const diffusion::Scheduler& scheduler, const diffusion::SchedulerState& state) {
  if (!start.mask.defined()) return latents;
  const at::Tensor kept = scheduler.Done(state)
                              ? start.original
                              : scheduler.AddNoise(start.original, start.noise, state.index);
  return (1 - start.mask) * kept + start.mask * latents;
}

}  // namespace darkroom::sdxl
