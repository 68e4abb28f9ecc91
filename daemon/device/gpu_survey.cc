// SPDX-License-Identifier: Apache-2.0

#include "device/gpu_survey.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "device/visible_gpus.h"

namespace darkroom {

size_t CountGpuNodes(const std::filesystem::path& folder) {
  size_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view kNode = "nvidia";
    if (!name.starts_with(kNode) || name.size() == kNode.size()) continue;
    const bool digits = std::all_of(name.begin() + kNode.size(), name.end(),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (digits) ++count;
  }
  return count;
}

GpuSurvey SurveyGpus(Result<std::unique_ptr<Nvml>> nvml, size_t nodes, const char* visible_list) {
  GpuSurvey survey;
  if (visible_list != nullptr) survey.visible_list = visible_list;
  if (nvml.ok()) {
    survey.visible = VisibleGpus(visible_list, (*nvml)->gpus());
    survey.nvml = std::move(*nvml);
  } else {
    survey.visible = VisibleGpus(visible_list, nodes);
    survey.trouble = nvml.status();
  }
  return survey;
}

GpuSurvey SurveyGpus() {
  return SurveyGpus(Nvml::Open(), CountGpuNodes("/dev"), std::getenv("CUDA_VISIBLE_DEVICES"));
}

}  // namespace darkroom
