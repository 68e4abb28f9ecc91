// SPDX-License-Identifier: Apache-2.0
//
// What darkroom-worker does when it is started to probe a device, and not to host plugins: a small
// computation there, whose result is compared. It prints what went wrong and says by its exit code
// whether something did; whoever started it (probe.h) ends it if that takes too long.
//
// A function for the only thread of a fresh process.

#ifndef DARKROOM_WORKER_PROBE_PROGRAM_H_
#define DARKROOM_WORKER_PROBE_PROGRAM_H_

#include <string>
#include <vector>

namespace darkroom {

// The first argument of darkroom-worker that asks for it.
inline constexpr const char* kProbeArgument = "--probe";

// What follows that argument:
//   cpu
//   cuda INDEX
//   sim FILE     as cpu, but while FILE says `lost` it fails, and while it says `hang` it hangs
// Returns the exit code: 0 the device answered rightly, 1 it did not, 2 nobody asks like that.
int RunProbe(const std::vector<std::string>& arguments);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_PROBE_PROGRAM_H_
