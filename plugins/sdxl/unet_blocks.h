// SPDX-License-Identifier: Apache-2.0
//
// What a denoising network is built of, from the outside in: a DownBlock for each resolution, one
// MidBlock, and an UpBlock for each resolution, which takes what its DownBlock has left for it.
//
// Ownership: their weights. Threads: immutable once made. Constructors throw Error as WeightReader
// does.

#ifndef DARKROOM_PLUGINS_SDXL_UNET_BLOCKS_H_
#define DARKROOM_PLUGINS_SDXL_UNET_BLOCKS_H_

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <vector>

#include "common/nn/convolution.h"
#include "sdxl/resnet_block.h"
#include "sdxl/spatial_transformer.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// What each block gets beside its picture.
struct StepInputs {
  at::Tensor time;         // batch x time width, after its activation
  const at::Tensor* keys;  // of the next transformer, in the order of LookAt
};

// Residual blocks, each with a transformer behind it or all without.
class BlockLayers {
 public:
  // Appends block and, for a `depth` of a stage that attends, transformer under NAME.
  void Add(WeightReader& reader, const std::string& name, const UNetConfig& config,
           const StageConfig& stage, int64_t inputs, std::optional<int64_t> depth,
           const nn::Placement& placement);

  size_t size() const { return resnets_.size(); }
  void LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const;
  at::Tensor Run(size_t index, const at::Tensor& input, StepInputs* step) const;

 private:
  std::vector<ResnetBlock> resnets_;
  std::vector<SpatialTransformer> transformers_;  // as many, or none
};

class DownBlock {
 public:
  // The stage's block on the way down, after one of `inputs` channels; `last`: nothing is below.
  DownBlock(WeightReader& reader, const std::string& name, const UNetConfig& config,
            const StageConfig& stage, int64_t inputs, bool last, const nn::Placement& placement);

  void LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const {
    layers_.LookAt(text, keys);
  }
  // Appends to `left` what the way up will take, the last of which is the result.
  at::Tensor operator()(const at::Tensor& input, StepInputs* step,
                        std::vector<at::Tensor>* left) const;

 private:
  BlockLayers layers_;
  bool halves_ = false;
  bool pads_ = false;  // one pixel to the right and below, before a convolution without padding
  nn::Convolution down_;
};

class MidBlock2D {
 public:
  // Not for MidBlock::kNone.
  MidBlock2D(WeightReader& reader, const UNetConfig& config, const nn::Placement& placement);

  void LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const;
  at::Tensor operator()(const at::Tensor& input, StepInputs* step) const;

 private:
  std::vector<ResnetBlock> resnets_;  // one, or two with the transformer between them
  std::optional<SpatialTransformer> transformer_;
};

class UpBlock {
 public:
  // The stage's block on the way up, after one of `inputs` channels; `above` are those of the next
  // finer stage's own, or its own where it is the finest.
  UpBlock(WeightReader& reader, const std::string& name, const UNetConfig& config,
          const StageConfig& stage, int64_t inputs, int64_t above, bool last,
          const nn::Placement& placement);

  void LookAt(const at::Tensor& text, std::vector<at::Tensor>* keys) const {
    layers_.LookAt(text, keys);
  }
  // Takes from the end of `left`; grows to the size of what is left then.
  at::Tensor operator()(const at::Tensor& input, StepInputs* step,
                        std::vector<at::Tensor>* left) const;

 private:
  BlockLayers layers_;
  bool doubles_ = false;
  nn::Convolution up_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_UNET_BLOCKS_H_
