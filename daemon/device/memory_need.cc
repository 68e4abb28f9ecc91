// SPDX-License-Identifier: Apache-2.0

#include "device/memory_need.h"

#include <filesystem>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// Of a file, or of all files in a folder.
uint64_t SizeOf(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    const uint64_t size = fs::file_size(path, error);
    return error ? 0 : size;
  }
  uint64_t sum = 0;
  // What vanishes meanwhile, or cannot be read, is not counted.
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code vanished;
    const uint64_t size = entry->is_regular_file(vanished) ? entry->file_size(vanished) : 0;
    if (!vanished) sum += size;
  }
  return sum;
}

}  // namespace

uint64_t MemoryNeed(const ModelConfig& config, const ModelInfo& info) {
  if (config.memory > 0) return config.memory;
  if (info.memory > 0) return info.memory;
  if (config.weights.empty()) return 0;
  const uint64_t weights = SizeOf(config.weights);
  return weights + weights / 4;
}

}  // namespace darkroom
