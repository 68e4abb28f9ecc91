// SPDX-License-Identifier: Apache-2.0
//
// CpuClocks reads the CPU time that other processes have used, of all their threads, ended ones
// included. The kernel's process clocks give what /proc/PID/stat gives, in nanoseconds where that
// has ticks of 10 ms: too coarse for a window of half a second. Values of one object may be read by
// any thread.

#ifndef DARKROOM_BENCH_ECHO_CPU_CLOCK_H_
#define DARKROOM_BENCH_ECHO_CPU_CLOCK_H_

#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "core/status.h"

namespace darkroom {

class CpuClocks {
 public:
  // Each spec is NAME=PID[,PID...]: processes that are added up under one name.
  static Result<CpuClocks> FromSpecs(const std::vector<std::string>& specs);

  // Microseconds used until now, by name. A process that has ended counts nothing: `ended` tells.
  std::map<std::string, double> ReadMicroseconds(bool* ended) const;

 private:
  std::map<std::string, std::vector<clockid_t>> clocks_;
};

// What this process itself has used, in microseconds.
double OwnCpuMicroseconds();

}  // namespace darkroom

#endif  // DARKROOM_BENCH_ECHO_CPU_CLOCK_H_
