// SPDX-License-Identifier: Apache-2.0
//
// PreviewMap makes small pictures of latents without the autoencoder: one pixel of each place, by a
// linear map of its numbers. What the map is no constant knows: it is fitted to the model's own
// autoencoder, by least squares over a few made-up pictures that go through it and back.
//
// It shows colours and rough shapes, which is what there is to see of a picture that is not done.
//
// Ownership: a matrix on the CPU. Threads: immutable once made; the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_PREVIEW_H_
#define DARKROOM_PLUGINS_SDXL_PREVIEW_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

#include "sdxl/vae.h"

namespace darkroom::sdxl {

// Of a preview's longer side. Larger latents are shrunk.
constexpr int64_t kMostPreviewEdge = 128;

// What a map is fitted to.
struct Coder {
  // Pictures of 1 x channels x edge x edge, from -1 to 1, into denoising's latents, and back.
  std::function<at::Tensor(const at::Tensor&)> encode;
  std::function<at::Tensor(const at::Tensor&)> decode;
  int64_t channels = 3;
  int64_t factor = 8;   // pixels a place, along an edge
  int64_t places = 32;  // of an edge of the latents that are tried

  // Of no more places than latents of `trained`, so that it takes no more memory than these.
  static Coder Of(const Vae& vae, int64_t trained);
};

class PreviewMap {
 public:
  // Takes as long as four small pictures, there and back. Throws Error (DR_FAILED_PRECONDITION) for
  // an autoencoder whose numbers are not finite.
  static PreviewMap Fit(const Coder& coder);

  // 1 x channels x height x width of denoising -> height x width x 3 of bytes, on the CPU.
  at::Tensor operator()(const at::Tensor& latents) const;

  const at::Tensor& matrix() const { return matrix_; }  // (channels + 1) x 3; the last is constant

 private:
  explicit PreviewMap(at::Tensor matrix) : matrix_(std::move(matrix)) {}

  at::Tensor matrix_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_PREVIEW_H_
