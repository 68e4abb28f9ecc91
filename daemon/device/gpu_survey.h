// SPDX-License-Identifier: Apache-2.0
//
// GpuSurvey is what this machine tells of its GPUs at start: by NVML, and where that is missing, as
// in a container without the driver's `utility` part, by the nodes in /dev alone, which say how
// many there are and nothing else.
//
// Plain values, found out once.

#ifndef DARKROOM_DEVICE_GPU_SURVEY_H_
#define DARKROOM_DEVICE_GPU_SURVEY_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "device/nvml.h"

namespace darkroom {

struct GpuSurvey {
  // By CUDA's number; nothing for one of which no more is known than that it is there.
  std::vector<std::optional<GpuInfo>> visible;
  std::optional<std::string> visible_list;  // CUDA_VISIBLE_DEVICES, if it is set
  std::unique_ptr<Nvml> nvml;               // nullptr: `trouble` says why
  Status trouble;
};

// `visible_list` may be nullptr.
GpuSurvey SurveyGpus(Result<std::unique_ptr<Nvml>> nvml, size_t nodes, const char* visible_list);
// Of this machine, by its driver, its /dev and our environment.
GpuSurvey SurveyGpus();

// How many /dev/nvidia0, nvidia1, ... there are: the driver makes one for each GPU. CUDA numbers
// those that it sees from 0, whatever their nodes are called.
size_t CountGpuNodes(const std::filesystem::path& folder);

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_GPU_SURVEY_H_
