// SPDX-License-Identifier: Apache-2.0
//
// TextToImage draws pictures after texts, as diffusers' StableDiffusionXLPipeline does: it begins a
// Drawing for a request, makes steps of as many drawings at once as are given to it, and makes
// pictures of those that are done.
//
//   const auto drawing = model.Begin(request);
//   while (!drawing->Done()) model.Step({&drawing, 1});
//   const at::Tensor picture = model.Finish(*drawing);
//
// Drawings in one Step may be at different steps, and of different schedulers and prompts: each is
// drawn as it would be alone.
//
// Ownership: the networks' weights; a Drawing is its caller's, and has tensors on the device.
// Threads: it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_TEXT_TO_IMAGE_H_
#define DARKROOM_PLUGINS_SDXL_TEXT_TO_IMAGE_H_

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/diffusion/scheduler.h"
#include "common/json_config.h"
#include "sdxl/folder.h"
#include "sdxl/text_encoders.h"
#include "sdxl/unet.h"
#include "sdxl/vae.h"

namespace darkroom::sdxl {

struct DrawingRequest {
  Prompt prompt;
  std::optional<Prompt> negative;  // absent: zeros, if the folder says so, else the empty text
  int64_t height = 0;              // 0: what the network was trained for
  int64_t width = 0;
  uint64_t seed = 0;
  double guidance_scale = 5.0;  // 1 and less: no guidance, and no negative
  double guidance_rescale = 0.0;
  int64_t skipped_layers = 0;  // of the prompt's encoders ("clip skip"), not of the negative's
  std::string scheduler = "default";
  diffusion::SamplingParams sampling;
  // What the network is told of the picture that it seems to draw a part of. Absent sizes are the
  // picture's own.
  std::optional<std::array<int64_t, 2>> original_size;  // height, width
  std::array<int64_t, 2> crop = {0, 0};                 // top, left
  std::optional<std::array<int64_t, 2>> target_size;
};

// One picture on its way.
class Drawing {
 public:
  bool Done() const { return scheduler_->Done(state_); }
  int64_t step() const { return state_.index; }
  int64_t steps() const { return static_cast<int64_t>(scheduler_->timesteps().size()); }
  // 1 x channels x height x width, for denoising.
  const at::Tensor& latents() const { return latents_; }
  // Whether both may be in one Step.
  bool Fits(const Drawing& other) const;

 private:
  friend class TextToImage;

  Drawing(std::unique_ptr<const diffusion::Scheduler> scheduler, diffusion::SchedulerState state)
      : scheduler_(std::move(scheduler)), state_(std::move(state)) {}

  std::unique_ptr<const diffusion::Scheduler> scheduler_;
  diffusion::SchedulerState state_;
  Condition condition_;  // of the negative, if there is guidance, and of the prompt
  at::Tensor guidance_;  // of networks that have guidance for an input
  bool is_guided_ = false;
  double guidance_scale_ = 1.0;
  double guidance_rescale_ = 0.0;
  at::Tensor latents_;
};

class TextToImage {
 public:
  // Throws Error: what the networks, Folder and the scheduler's config throw.
  TextToImage(const Folder& folder, const nn::Placement& placement);

  // Throws Error (DR_INVALID_ARGUMENT) for what the model cannot draw, naming it.
  std::unique_ptr<Drawing> Begin(const DrawingRequest& request) const;

  // One pass of the denoising network for all of them, which fit each other and are not done.
  void Step(std::span<const std::unique_ptr<Drawing>> drawings) const;

  // 1 x 3 x height x width, from 0 to 1. `tile`, `between`: as Vae::Decode.
  at::Tensor Finish(const Drawing& drawing, int64_t tile = 0,
                    const Vae::BetweenTiles& between = {}) const;

  const TextEncoders& text_encoders() const { return text_; }
  const UNet& unet() const { return unet_; }
  const Vae& vae() const { return vae_; }

 private:
  Condition Understand(const DrawingRequest& request, bool is_guided) const;

  bool zeros_for_no_prompt_;
  JsonConfig scheduler_;
  TextEncoders text_;
  UNet unet_;
  Vae vae_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_TEXT_TO_IMAGE_H_
