// SPDX-License-Identifier: Apache-2.0
//
// Pipeline draws pictures after texts, and after other pictures and parts of them where a request
// has a source, as diffusers' StableDiffusionXLPipeline and its kin for images and inpainting do:
// it begins the drawings of a request, makes steps of as many at once as are given to it, and makes
// pictures of those that are done.
//
//   const auto drawings = pipeline.Begin(request);
//   Drawing* const drawing = drawings.front().get();
//   while (!drawing->Done()) pipeline.Step({&drawing, 1});
//   const at::Tensor picture = pipeline.Finish(*drawing);
//
// Drawings in one Step may be of different sizes and prompts, at different steps, and of different
// schedulers: each is drawn as it would be alone.
//
// Ownership: the networks' weights. Threads: it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_PIPELINE_H_
#define DARKROOM_PLUGINS_SDXL_PIPELINE_H_

#include <ATen/ATen.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/json_config.h"
#include "sdxl/denoisers.h"
#include "sdxl/drawing.h"
#include "sdxl/folder.h"
#include "sdxl/network_layers.h"
#include "sdxl/prompt_cache.h"
#include "sdxl/text_encoders.h"
#include "sdxl/vae.h"

namespace darkroom::sdxl {

struct PipelineOptions {
  // Of the denoising network in one run, for latents of the size that it was trained for; of larger
  // ones fewer. One drawing's rows are never parted.
  int64_t rows = 8;
  int64_t tile = 0;             // as Vae::Decode
  size_t prompts = 32;          // that are kept encoded
  std::string embeddings = {};  // their folder, or empty
  bool replaces = false;        // whether LoRAs are added in place, and so at all
  std::vector<CompiledFile> compiled = {};
  Reserve reserve = {};  // for the ordinary network beside compiled ones
};

class Pipeline {
 public:
  // Throws Error: what the networks, Folder and the scheduler's config throw. `vae`: another
  // pipeline's of the same folder, to be shared, or none.
  Pipeline(const Folder& folder, const nn::Placement& placement, const PipelineOptions& options,
           std::shared_ptr<const Vae> vae = {});
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // As many as the request's pictures. `between`: called between two layers that LoRAs are added
  // to, and may throw. Throws Error (DR_INVALID_ARGUMENT) for what the model cannot draw, naming
  // it; what NetworkLayers throws.
  std::vector<std::unique_ptr<Drawing>> Begin(const DrawingRequest& request,
                                              const std::function<void()>& between = {});

  // The next step of each that is not done, by as few runs of the denoising network as their sizes
  // and the limits allow: those of one set of LoRAs, then those of the next. If a run fails none
  // has moved on.
  void Step(std::span<Drawing* const> drawings);

  // 1 x 3 x height x width, from 0 to 1. `between`: as Vae::Decode.
  at::Tensor Finish(const Drawing& drawing, const Vae::BetweenTiles& between = {}) const;

  // What the networks work with besides their weights, about: for so many rows of pictures of this
  // size, and then for one picture.
  uint64_t WorkingBytes(int64_t height, int64_t width, int64_t rows) const;

  // The edge of pictures that the network was trained for.
  int64_t trained_edge() const { return unet_.config().sample_size * vae_->config().factor(); }
  // Whether the network can only repaint parts of pictures.
  bool sees_masks() const { return sees_masks_; }
  // Whether it is told how beautiful a picture is to be, and begins with pictures alone.
  bool is_refiner() const { return is_refiner_; }
  const PromptCache& prompts() const { return prompts_; }
  const UNetConfig& unet() const { return unet_.config(); }
  // What the layers hold, with this set, beyond what the networks take without any: where weights
  // are the file's own pages, what is changed lies beside them.
  uint64_t LoraBytes(const LoraSet* set = nullptr) const;
  const std::shared_ptr<const Vae>& vae() const { return vae_; }

 private:
  using Group = std::vector<Drawing*>;

  DrawingRequest Checked(DrawingRequest request) const;
  // With the size of the source, or of the latents, which are checked; else as it was asked for.
  DrawingRequest Sized(DrawingRequest request) const;
  // What the network is told of the texts, a row for the prompt and before it one for the negative.
  struct Told {
    PromptStates texts;
    at::Tensor sizes;
  };
  Told Understand(const DrawingRequest& request, bool is_guided,
                  const std::function<void()>& between);
  // The numbers that the network is told beside the text.
  at::Tensor Sizes(const DrawingRequest& request, const std::array<int64_t, 2>& crop,
                   double score) const;
  // Those that are not done, of each set of LoRAs; first of the one that steps are made with now.
  std::vector<Group> OfOneSet(std::span<Drawing* const> drawings) const;
  // Those that go through the network together.
  std::vector<Group> Groups(std::span<Drawing* const> drawings) const;
  std::vector<at::Tensor> Outputs(const Group& group) const;

  PipelineOptions options_;
  bool zeros_for_no_prompt_;
  bool is_refiner_;
  JsonConfig scheduler_;
  std::unique_ptr<NetworkLayers> layers_;  // or none: the networks stay as they are
  TextEncoders text_;
  PromptCache prompts_;
  Denoisers unet_;
  std::shared_ptr<const Vae> vae_;
  bool sees_masks_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_PIPELINE_H_
