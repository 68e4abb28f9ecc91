// SPDX-License-Identifier: Apache-2.0
//
// The configuration file: it gives a configuration, or issues that name their places.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "config/load.h"
#include "tests/fuzz/bytes_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const darkroom::BytesFile file(data, size);
  const darkroom::LoadedConfig loaded = darkroom::LoadConfig(file.path());
  if (loaded.config.has_value() != loaded.issues.empty()) std::abort();
  for (const darkroom::ConfigIssue& issue : loaded.issues) {
    if (issue.ToString().empty()) std::abort();
  }
  return 0;
}
