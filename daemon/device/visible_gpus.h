// SPDX-License-Identifier: Apache-2.0
//
// Which GPUs CUDA will see, and in which order: the environment's CUDA_VISIBLE_DEVICES picks among
// them, and cuda:0 is the first that it names. NVML tells of all of them, so that this has to be
// worked out here, by CUDA's rules.
//
// Pure functions, any thread.

#ifndef DARKROOM_DEVICE_VISIBLE_GPUS_H_
#define DARKROOM_DEVICE_VISIBLE_GPUS_H_

#include <optional>
#include <string>
#include <vector>

#include "device/nvml.h"

namespace darkroom {

// By cuda's number: the GPU, or nothing if it is one of which nothing is known, such as a part of
// one (MIG). `list` is CUDA_VISIBLE_DEVICES; nullptr: all are visible.
std::vector<std::optional<GpuInfo>> VisibleGpus(const char* list, const std::vector<GpuInfo>& gpus);

// The same where nothing is known of them but how many there are.
std::vector<std::optional<GpuInfo>> VisibleGpus(const char* list, size_t count);

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_VISIBLE_GPUS_H_
