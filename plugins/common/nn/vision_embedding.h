// SPDX-License-Identifier: Apache-2.0
//
// VisionEmbedding makes a sequence of a picture, as vision transformers do (arXiv:2010.11929): the
// picture is cut into square patches, each becomes a vector by one linear layer, a class token goes
// before them, and each place has a vector of its own added.
//
// The published networks write the linear layer as a convolution whose stride is its kernel; here
// it is what it is, so that it is as fast as the other layers.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_VISION_EMBEDDING_H_
#define DARKROOM_PLUGINS_COMMON_NN_VISION_EMBEDDING_H_

#include <ATen/ATen.h>

#include "common/nn/linear.h"
#include "common/nn/placement.h"

namespace darkroom::nn {

struct VisionEmbeddingWeights {
  at::Tensor patch;        // width x 3 x edge x edge
  at::Tensor patch_bias;   // width, or undefined
  at::Tensor class_token;  // of width elements, in any shape; undefined: there is none
  at::Tensor places;       // of (patches + 1) x width elements, or patches x width without a token
};

class VisionEmbedding {
 public:
  VisionEmbedding() = default;
  VisionEmbedding(const VisionEmbeddingWeights& weights, const Placement& placement);

  // `pixels`: batch x 3 x height x width, which give as many patches as there are places; what is
  // left of an edge is not looked at. Returns batch x (patches + 1) x width, the class token first.
  at::Tensor operator()(const at::Tensor& pixels) const;

 private:
  int64_t edge_ = 0;
  bool has_token_ = false;
  Linear patch_;
  at::Tensor first_;   // class token + its place: 1 x 1 x width
  at::Tensor places_;  // of the patches: 1 x patches x width
};

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_VISION_EMBEDDING_H_
