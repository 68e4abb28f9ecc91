// SPDX-License-Identifier: Apache-2.0
//
// What a request asks to be drawn, and one picture on its way: a Drawing is made and moved by
// Pipeline, step by step.
//
// Ownership: a Drawing is its caller's, and has tensors on the device; those that drawings of one
// request have in common they share. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_DRAWING_H_
#define DARKROOM_PLUGINS_SDXL_DRAWING_H_

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/diffusion/byte_stream.h"
#include "common/diffusion/scheduler.h"
#include "sdxl/denoiser.h"
#include "sdxl/lora.h"
#include "sdxl/source.h"
#include "sdxl/text_encoders.h"

namespace darkroom::sdxl {

struct DrawingRequest {
  Prompt prompt;
  std::optional<Prompt> negative;  // absent: zeros, if the folder says so, else the empty text
  SourcePicture source;            // what it starts from, if that is not noise alone
  // What denoising goes on from: 1, or `pictures`, x channels x height x width, in float32 on the
  // CPU; with a source those of a drawing of this source. Or undefined.
  at::Tensor latents;
  // Between 0 and 1: how much of the way is made already, so that no noise is added, and at how
  // much of it the drawing ends. Absent: where the source's strength says, and where it is done.
  std::optional<double> denoising_start;
  std::optional<double> denoising_end;
  int64_t height = 0;  // 0: the source's, or what the network was trained for
  int64_t width = 0;
  uint64_t seed = 0;
  int64_t pictures = 1;         // of seed, seed + 1, ...
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
  std::shared_ptr<const LoraSet> loras;  // that the networks are changed by, or none
  double aesthetic_score = 6.0;          // in place of target_size, of refiners
  double negative_aesthetic_score = 2.5;
};

// One picture on its way.
class Drawing {
 public:
  bool Done() const { return state_.index >= end_; }
  // Runs of the network, which for some schedulers are more than the request's steps.
  int64_t made() const { return state_.index - state_.begin; }
  int64_t left() const { return end_ - state_.index; }
  // 1 x channels x height x width, for denoising.
  const at::Tensor& latents() const { return latents_; }
  // In pixels.
  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  // Has the next step note what the scheduler thinks that the run will end in: TakeEstimate is
  // that, once. No part of the drawing's state, and nothing depends on it.
  void Watch() { is_watched_ = true; }
  at::Tensor TakeEstimate() { return std::exchange(estimate_, {}); }
  // Whether both may be in one run of the network.
  bool Fits(const Drawing& other) const;
  // Of the network in one run: two with guidance.
  int64_t rows() const { return is_guided_ ? 2 : 1; }
  // What draws it.
  const Denoiser& network() const { return *network_; }
  // What it holds on the device. Drawings of one request share most of it.
  uint64_t Bytes() const;

  // What Begin does not make again, as run_state.h has it, and back: into one that was begun by the
  // same request. Restore throws Error (DR_FAILED_PRECONDITION) for what is none of it.
  void Save(diffusion::ByteWriter* bytes) const;
  void Restore(diffusion::ByteReader* bytes);

 private:
  friend class Pipeline;

  Drawing(std::shared_ptr<const diffusion::Scheduler> scheduler, diffusion::SchedulerState state,
          int64_t end)
      : scheduler_(std::move(scheduler)), state_(std::move(state)), end_(end) {}

  std::shared_ptr<const diffusion::Scheduler> scheduler_;
  diffusion::SchedulerState state_;
  int64_t end_;                        // the table's entry that is not made any more
  const Denoiser* network_ = nullptr;  // the pipeline's
  Condition condition_;                // of the negative, if there is guidance, and of the prompt
  at::Tensor guidance_;                // of networks that have guidance for an input
  bool is_guided_ = false;
  double guidance_scale_ = 1.0;
  double guidance_rescale_ = 0.0;
  int64_t height_ = 0;
  int64_t width_ = 0;
  at::Tensor latents_;
  Start start_;  // without its latents
  std::shared_ptr<const LoraSet> loras_;
  bool is_watched_ = false;
  at::Tensor estimate_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_DRAWING_H_
