// SPDX-License-Identifier: Apache-2.0
//
// The layers that both towers of CLIP are made of, under the names of their checkpoints.
//
// Ownership: the layers own their weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_CLIP_BLOCKS_H_
#define DARKROOM_PLUGINS_CLIP_BLOCKS_H_

#include <string>
#include <vector>

#include "clip/config.h"
#include "common/nn/transformer_block.h"
#include "common/weight_reader.h"

namespace darkroom::clip {

// PREFIXencoder.layers.N.*, for all layers of the config. Throws Error as WeightReader does.
std::vector<nn::TransformerBlock> TakeBlocks(WeightReader& reader, const std::string& prefix,
                                             const TowerConfig& config,
                                             const nn::Placement& placement);

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_BLOCKS_H_
