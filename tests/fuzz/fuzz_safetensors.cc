// SPDX-License-Identifier: Apache-2.0
//
// The head of a weights file: no tensor that it gives may reach outside the file's data.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <string_view>

#include "common/safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint64_t length = 0;
  if (size < sizeof(length)) return 0;
  std::memcpy(&length, data, sizeof(length));
  const uint64_t rest = size - sizeof(length);
  if (length > rest) return 0;
  const char* json = reinterpret_cast<const char*>(data) + sizeof(length);
  try {
    const auto header = darkroom::ParseSafetensorsHeader({json, length}, rest - length);
    for (const darkroom::SafetensorsEntry& entry : header.entries) {
      if (entry.begin > entry.end || entry.end > rest - length) std::abort();
    }
  } catch (const darkroom::Error&) {
  }
  return 0;
}
