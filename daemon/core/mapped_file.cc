// SPDX-License-Identifier: Apache-2.0

#include "core/mapped_file.h"

#include <fstream>
#include <string_view>

namespace darkroom {

bool IsMapped(const std::string& path) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    const size_t at = line.find('/');
    if (at == std::string::npos) continue;
    std::string_view mapped = line;
    mapped.remove_prefix(at);
    if (mapped == path) return true;
    if (mapped.size() == path.size() + kDeleted.size() && mapped.substr(0, path.size()) == path &&
        mapped.substr(path.size()) == kDeleted) {
      return true;
    }
  }
  return false;
}

}  // namespace darkroom
