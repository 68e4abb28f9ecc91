// SPDX-License-Identifier: Apache-2.0
//
// LaMa (Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV
// 2022, arXiv:2109.07161), its generator as the authors publish it: a picture without what the mask
// covers and the mask go in, are reduced, pass residual blocks of Fourier convolutions, and are
// enlarged again.
//
// What its sizes are the tensors' shapes tell: width, depth, and which part of the channels is
// global. Names are the authors' (model.1.ffc.convl2l.weight, ...), with or without "generator." in
// front. Immutable; the instance's lane.

#ifndef DARKROOM_PLUGINS_INPAINT_LAMA_H_
#define DARKROOM_PLUGINS_INPAINT_LAMA_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "common/checkpoint.h"
#include "inpaint/filler.h"
#include "inpaint/fourier_convolution.h"

namespace darkroom::inpaint {

class Lama final : public Filler {
 public:
  // Throws Error (DR_FAILED_PRECONDITION) when the tensors are not those of such a network.
  Lama(const Checkpoint& checkpoint, const Place& place);

  std::string Describe() const override;
  at::Tensor Fill(const at::Tensor& picture, const at::Tensor& mask) const override;

 private:
  struct Block {
    FourierConvolution first;
    FourierConvolution second;
  };
  struct Enlarging {
    at::Tensor weight;
    at::Tensor bias;
  };

  Place place_;
  int64_t width_ = 0;  // channels after the first convolution
  std::vector<FourierConvolution> reducing_;
  std::vector<Block> blocks_;
  std::vector<Enlarging> enlarging_;
  Convolution last_;
};

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_LAMA_H_
