// SPDX-License-Identifier: Apache-2.0
//
// SpatialTransformer takes the places of a picture for a sequence, which looks at itself and at a
// text (diffusers' Transformer2DModel; arXiv:2112.10752). Of each layer:
//
//   x = x + attention(norm1(x));  x = x + attention(norm2(x), text);  x = x + GEGLU(norm3(x))
//
// Keys and values of a text are made once, by LookAt, however many steps then look at it.
//
// Ownership: its weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_SDXL_SPATIAL_TRANSFORMER_H_
#define DARKROOM_PLUGINS_SDXL_SPATIAL_TRANSFORMER_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "common/nn/attention.h"
#include "common/nn/gated_feed_forward.h"
#include "common/nn/group_norm.h"
#include "common/nn/layer_norm.h"
#include "common/nn/linear.h"
#include "common/weight_reader.h"

namespace darkroom::sdxl {

struct TransformerShape {
  int64_t channels = 0;
  int64_t heads = 1;
  int64_t context = 0;  // width of the text's states
  int64_t depth = 1;    // layers
  int64_t groups = 32;
  bool linear_projection = false;
};

class SpatialTransformer {
 public:
  // NAME.norm and so on. Throws Error as WeightReader does.
  SpatialTransformer(WeightReader& reader, const std::string& name, const TransformerShape& shape,
                     const nn::Placement& placement);

  // Appends the keys and values of `text`, batch x length x context, one tensor for each layer.
  void LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const;

  // batch x channels x height x width, channels last; returns the same. `keys` points at the first
  // of those that LookAt appended, and is moved behind the last.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor** keys) const;

 private:
  struct Layer {
    nn::LayerNorm norm1;
    nn::SelfAttention self;
    nn::LayerNorm norm2;
    nn::CrossAttention cross;
    nn::LayerNorm norm3;
    nn::GatedFeedForward feed_forward;
  };

  static Layer TakeLayer(WeightReader& reader, const std::string& name,
                         const TransformerShape& shape, const nn::Placement& placement);

  nn::GroupNorm norm_;
  nn::Linear in_;
  std::vector<Layer> layers_;
  nn::Linear out_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_SPATIAL_TRANSFORMER_H_
