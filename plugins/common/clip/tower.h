// SPDX-License-Identifier: Apache-2.0
//
// What the transformers of CLIP (arXiv:2103.00020) have in common, those of its two halves and
// those that other models borrow of it: the fields of a config, the names in a checkpoint, and the
// layers that are made of both.
//
// Ownership: layers own their weights. Threads: plain values and pure functions, any thread; layers
// are immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_CLIP_TOWER_H_
#define DARKROOM_PLUGINS_COMMON_CLIP_TOWER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/checkpoint.h"
#include "common/json_config.h"
#include "common/nn/activation.h"
#include "common/nn/transformer_block.h"
#include "common/weight_reader.h"

namespace darkroom::clip {

// One transformer.
struct TowerConfig {
  int64_t width = 0;
  int64_t inner = 0;  // width of the feed-forward part
  int64_t layers = 0;
  int64_t heads = 0;
  double epsilon = 1e-5;
  nn::Activation activation = nn::Activation::kQuickGelu;
};

// What a half is where its config does not say.
struct TowerDefaults {
  int64_t width;
  int64_t inner;
  int64_t heads;
  double epsilon;
  const char* activation;
};

// Throws Error (DR_FAILED_PRECONDITION) that names the field which is no good.
TowerConfig ReadTower(const JsonConfig& config, const TowerDefaults& defaults);

// PREFIXencoder.layers.N.*, for all layers of the config. Throws Error as WeightReader does.
std::vector<nn::TransformerBlock> TakeBlocks(WeightReader& reader, const std::string& prefix,
                                             const TowerConfig& config,
                                             const nn::Placement& placement);

// Where a half's tensors are found: what stands before "embeddings.", and before the tensors that
// belong to the whole.
struct Names {
  std::string tower;
  std::string whole;
};

// `half` is "vision_model." or "text_model.", `mark` a tensor that only this half has. Checkpoints
// have something, the half's name or nothing at all before it.
Names FindNames(const Checkpoint& checkpoint, const std::string& half, const std::string& mark);

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_COMMON_CLIP_TOWER_H_
