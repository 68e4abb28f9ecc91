// SPDX-License-Identifier: Apache-2.0

#include "core/process_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace darkroom {

std::optional<uint64_t> ResidentBytes(pid_t pid) {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid));
  uint64_t size = 0;
  uint64_t resident = 0;
  if (!(statm >> size >> resident)) return std::nullopt;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace darkroom
