// SPDX-License-Identifier: Apache-2.0
//
// A Source is what drawings start from that have a picture: as its latents with noise, as
// StableDiffusionXLImg2ImgPipeline has it, or, with a mask, as StableDiffusionXLInpaintPipeline.
// There are two kinds of networks for masks: one of 9 channels sees the mask and what it leaves of
// the picture; one of 4 sees neither, and what it makes of the rest is replaced after each step by
// the picture, with as much noise as there is left.
//
// Ownership: tensors on the device. Threads: immutable once made; the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_SOURCE_H_
#define DARKROOM_PLUGINS_SDXL_SOURCE_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "common/diffusion/scheduler.h"
#include "common/nn/placement.h"
#include "sdxl/vae.h"

namespace darkroom::sdxl {

// What a request gives to start from, on the CPU, in float32.
struct SourcePicture {
  at::Tensor pixels;  // 1 x 3 x height x width, -1 to 1; undefined: nothing
  at::Tensor mask;    // 1 x 1 x height x width, 1 where it is to be repainted, else 0; or undefined
  double strength = 1.0;  // how much of the way is drawn, and not the picture's
  bool is_begun = false;  // denoising goes on from its latents as they are, without noise

  bool is_there() const { return pixels.defined(); }
};

// `bytes`: height x width x channels (1 to 4), of which an alpha is not looked at; `mask`: as
// common/image/mask.h has it, or undefined. Edges are repeated until `factor` divides them, and are
// not repainted there.
SourcePicture ReadSource(const at::Tensor& bytes, const at::Tensor& mask, int64_t factor);

// How a drawing starts, and what it needs at each step. All of it but the latents is undefined
// where it does not apply.
struct Start {
  at::Tensor latents;
  at::Tensor seen;      // further channels of the network's input
  at::Tensor mask;      // of the latents: what is not repainted is replaced
  at::Tensor original;  // ... by these latents
  at::Tensor noise;     // ... with this noise
};

class Source {
 public:
  // Encodes the picture. `sees_mask`: the network has 9 channels. `tile`: as Vae::Encode.
  Source(const Vae& vae, const SourcePicture& picture, const nn::Placement& placement,
         bool sees_mask, int64_t tile);

  // Draws from the state's noise, in the order of the reference.
  Start Begin(const diffusion::Scheduler& scheduler, diffusion::SchedulerState* state) const;

 private:
  // Latents for denoising, with noise that is drawn for it.
  at::Tensor Sample(const Posterior& posterior, diffusion::SchedulerState* state) const;

  const Vae& vae_;
  nn::Placement placement_;
  bool has_mask_;
  bool sees_mask_;
  bool is_begun_;
  bool is_all_noise_;
  Posterior picture_;
  Posterior masked_;  // what the mask leaves of it
  at::Tensor mask_;   // of the latents
};

// After a step: what the mask leaves is the picture's, with the noise of the next step.
at::Tensor Blended(const Start& start, const at::Tensor& latents,
                   const diffusion::Scheduler& scheduler, const diffusion::SchedulerState& state);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_SOURCE_H_
