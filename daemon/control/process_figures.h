// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of this process, for its metrics.
//
// A free function; any thread.

#ifndef DARKROOM_CONTROL_PROCESS_FIGURES_H_
#define DARKROOM_CONTROL_PROCESS_FIGURES_H_

#include <cstdint>

namespace darkroom {

struct ProcessFigures {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t open_files = 0;
  double start_time = 0;  // seconds since 1970
};

// What cannot be read is 0.
ProcessFigures ReadProcessFigures();

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_PROCESS_FIGURES_H_
