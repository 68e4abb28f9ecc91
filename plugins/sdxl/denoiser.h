// SPDX-License-Identifier: Apache-2.0
//
// A Denoiser is a denoising network as a pipeline uses it: of noisy latents, how far noise has
// gone, and what a text asks for, it tells the noise (or what else it was trained to tell). There
// are the ordinary one (unet.h), and those that were compiled beforehand (compiled_unet.h).
//
// What depends on the text alone is made once, by Prepare, and is for the network that made it.
//
// Ownership: its weights. Threads: immutable once made; it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_DENOISER_H_
#define DARKROOM_PLUGINS_SDXL_DENOISER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace darkroom::sdxl {

// What a text asks for, as the network uses it. One row for each text.
struct Condition {
  // rows x length x width each: of the ordinary network the keys and values of each transformer
  // layer; of a compiled one the text's states, and then the pooled text and the numbers.
  std::vector<at::Tensor> keys;
  at::Tensor added;  // rows x time width; undefined where the config has no addition, or compiled
};

// The rows of several, one behind the other. Their texts must be of one length.
Condition Join(std::span<const Condition* const> conditions);

class Denoiser {
 public:
  virtual ~Denoiser() = default;

  // `text`: rows x length x context; `pooled`: rows x width; `time_ids`: rows x numbers (SDXL's
  // six: height and width of the original, top and left of the crop, height and width of the
  // target). The last two are not looked at where the config has no addition.
  virtual Condition Prepare(const at::Tensor& text, const at::Tensor& pooled,
                            const at::Tensor& time_ids) const = 0;

  // `latents`: rows x in_channels x height x width; `timesteps`: rows, whole or not; `guidance`:
  // rows x guidance_width, or undefined for none. Returns rows x out_channels x height x width in
  // the placement's dtype, in any order of memory.
  virtual at::Tensor operator()(const at::Tensor& latents, const at::Tensor& timesteps,
                                const Condition& condition, const at::Tensor& guidance) const = 0;

  // Of rows in one run.
  virtual int64_t most_rows() const = 0;
  // What tells pictures of this network from those of another with the same weights; empty: it is
  // the ordinary one.
  virtual std::string identity() const = 0;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_DENOISER_H_
