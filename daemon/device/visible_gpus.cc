// SPDX-License-Identifier: Apache-2.0

#include "device/visible_gpus.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace darkroom {
namespace {

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Which of `count` an entry means: any number for one that can be there and is not known.
// Nothing: it means none.
struct Meant {
  std::optional<size_t> number;
};

std::optional<Meant> Find(std::string_view entry, size_t count, const std::vector<GpuInfo>* gpus) {
  if (entry.starts_with("MIG-")) return Meant{};
  if (entry.starts_with("GPU-")) {
    if (gpus == nullptr) return Meant{};
    // The beginning of a UUID is enough if only one begins so.
    Meant meant;
    for (size_t i = 0; i < gpus->size(); ++i) {
      if (!(*gpus)[i].uuid.starts_with(entry)) continue;
      if (meant.number) return std::nullopt;
      meant.number = i;
    }
    return meant.number ? std::optional(meant) : std::nullopt;
  }
  size_t number = 0;
  // What follows a number does not count, as with strtol, by which CUDA reads it.
  const auto [rest, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
  if (error != std::errc() || number >= count) return std::nullopt;
  return Meant{number};
}

std::vector<std::optional<GpuInfo>> Visible(const char* list, size_t count,
                                            const std::vector<GpuInfo>* gpus) {
  std::vector<std::optional<GpuInfo>> visible;
  const auto add = [&](std::optional<size_t> number) {
    if (number && gpus != nullptr) {
      visible.emplace_back((*gpus)[*number]);
    } else {
      visible.emplace_back();
    }
  };
  if (list == nullptr) {
    for (size_t i = 0; i < count; ++i) add(i);
    return visible;
  }
  std::vector<size_t> taken;
  std::string_view left = list;
  while (true) {
    const size_t end = std::min(left.find(','), left.size());
    const auto meant = Find(Trimmed(left.substr(0, end)), count, gpus);
    // The first entry that means none ends the list.
    if (!meant) return visible;
    if (meant->number) {
      // One that is named twice makes the whole list void.
      if (std::find(taken.begin(), taken.end(), *meant->number) != taken.end()) return {};
      taken.push_back(*meant->number);
    }
    add(meant->number);
    if (end == left.size()) return visible;
    left.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::optional<GpuInfo>> VisibleGpus(const char* list,
                                                const std::vector<GpuInfo>& gpus) {
  return Visible(list, gpus.size(), &gpus);
}

std::vector<std::optional<GpuInfo>> VisibleGpus(const char* list, size_t count) {
  return Visible(list, count, nullptr);
}

}  // namespace darkroom
