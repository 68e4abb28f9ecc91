// SPDX-License-Identifier: Apache-2.0

#include "device/find_devices.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/units.h"

namespace darkroom {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";
constexpr std::string_view kSimPrefix = "sim:";

// Of a GPU's memory, unless the configuration says how much. The rest is for what no lease counts:
// each process that uses CUDA has some hundred MiB there for its context alone, libraries' kernels
// and work space, and libtorch's allocator keeps more than is in use.
constexpr uint32_t kUsualPercent = 90;

uint64_t PartOf(uint64_t memory, uint32_t percent) {
  return memory / 100 * percent + memory % 100 * percent / 100;
}

int32_t NumberIn(std::string_view id, std::string_view prefix) {
  int32_t number = 0;
  std::from_chars(id.data() + prefix.size(), id.data() + id.size(), number);
  return number;
}

uint64_t HostMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long size = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

// "cuda:0 (NVIDIA H200), cuda:1 (NVIDIA H200)", and why it is so.
std::string WhatThereIs(const GpuSurvey& survey) {
  std::string words;
  for (size_t i = 0; i < survey.visible.size(); ++i) {
    words += fmt::format("{}{}{}", i == 0 ? "this machine has " : ", ", kCudaPrefix, i);
    if (survey.visible[i]) words += fmt::format(" ({})", survey.visible[i]->name);
  }
  if (words.empty()) {
    words = "this machine has no GPU that can be used";
    if (!survey.trouble.ok()) words += fmt::format(" ({})", survey.trouble.message());
  }
  if (survey.visible_list) {
    words += fmt::format(", with CUDA_VISIBLE_DEVICES='{}'", *survey.visible_list);
  }
  return words;
}

class Finder {
 public:
  Finder(const GpuSurvey& survey, uint64_t host_memory)
      : survey_(survey), host_memory_(host_memory) {}

  Device Make(const DeviceConfig& config) {
    Device device{config.device, DeviceKind::kCpu, 0, config.lanes, config.memory};
    if (config.device.starts_with(kSimPrefix)) {
      device.simulated = true;
      device.index = NumberIn(config.device, kSimPrefix);
      device.speed = config.speed;
    } else if (config.device.starts_with(kCudaPrefix)) {
      device.kind = DeviceKind::kCuda;
      device.index = NumberIn(config.device, kCudaPrefix);
      device.error = Describe(config, &device);
    } else if (config.memory_percent > 0) {
      device.memory = PartOf(host_memory_, config.memory_percent);
    }
    if (!device.error.ok()) device.lanes = 0;
    return device;
  }

  std::vector<Device> All() {
    std::vector<Device> devices;
    for (size_t i = 0; i < survey_.visible.size(); ++i) {
      devices.push_back(Make({fmt::format("{}{}", kCudaPrefix, i)}));
    }
    devices.push_back(Make({"cpu"}));
    return devices;
  }

  std::vector<std::string> notes;

 private:
  Status Describe(const DeviceConfig& config, Device* device) {
    if (static_cast<size_t>(device->index) >= survey_.visible.size()) {
      return Status::FailedPrecondition(
          fmt::format("there is no device {}: {}", device->id, WhatThereIs(survey_)),
          "under devices list what is there, or write `devices: auto`");
    }
    device->gpu = survey_.visible[static_cast<size_t>(device->index)];
    const uint64_t has = device->gpu ? device->gpu->memory : 0;
    if (config.memory_percent > 0 && has == 0) {
      return Status::FailedPrecondition(
          fmt::format("nobody knows what {} % of {}'s memory is{}", config.memory_percent,
                      device->id,
                      survey_.trouble.ok() ? "" : fmt::format(" ({})", survey_.trouble.message())),
          "write its `memory` as a size such as 20GiB");
    }
    if (config.memory == 0) {
      device->memory =
          PartOf(has, config.memory_percent > 0 ? config.memory_percent : kUsualPercent);
    } else if (has > 0 && config.memory > has) {
      notes.push_back(fmt::format("{} has {} of memory, and models may have {} of it", device->id,
                                  FormatSize(has), FormatSize(config.memory)));
    }
    return Status::Ok();
  }

  const GpuSurvey& survey_;
  const uint64_t host_memory_;
};

}  // namespace

FoundDevices FindDevices(const std::vector<DeviceConfig>& configured) {
  const bool without_gpus = !configured.empty() &&
                            std::none_of(configured.begin(), configured.end(), [](const auto& one) {
                              return one.device.starts_with(kCudaPrefix);
                            });
  // A daemon that is told to leave GPUs alone does not even ask for them.
  return FindDevices(configured, without_gpus ? GpuSurvey{} : SurveyGpus(), HostMemory());
}

FoundDevices FindDevices(const std::vector<DeviceConfig>& configured, GpuSurvey survey,
                         uint64_t host_memory) {
  FoundDevices found;
  Finder finder(survey, host_memory);
  if (configured.empty()) found.devices = finder.All();
  for (const DeviceConfig& one : configured) found.devices.push_back(finder.Make(one));
  found.notes = std::move(finder.notes);
  if (survey.nvml != nullptr) {
    for (const std::string& complaint : survey.nvml->complaints()) found.notes.push_back(complaint);
  } else if (!survey.visible.empty()) {
    found.notes.push_back(
        fmt::format("NVML cannot be asked ({}): that there are {} GPUs is known from /dev; their "
                    "names, memory and load are not, and models have no limit there unless "
                    "`memory` of a device gives one",
                    survey.trouble.message(), survey.visible.size()));
  }
  const bool known = std::any_of(found.devices.begin(), found.devices.end(),
                                 [](const Device& device) { return device.gpu.has_value(); });
  if (known) found.nvml = std::move(survey.nvml);
  return found;
}

}  // namespace darkroom
