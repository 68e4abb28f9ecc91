// SPDX-License-Identifier: Apache-2.0
//
// How many bytes of its device a model needs to be ready, as far as can be told without loading it:
// what the configuration says, else what the plugin's manifest says, else the weights' size and a
// quarter more for what is computed with them, else nothing.
//
// Reads the file system; any thread.

#ifndef DARKROOM_DEVICE_MEMORY_NEED_H_
#define DARKROOM_DEVICE_MEMORY_NEED_H_

#include <cstdint>

#include "config/config.h"
#include "core/model_info.h"

namespace darkroom {

uint64_t MemoryNeed(const ModelConfig& config, const ModelInfo& info);

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_MEMORY_NEED_H_
