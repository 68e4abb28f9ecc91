// SPDX-License-Identifier: Apache-2.0
//
// Names and numbers of threads, as ps, gdb and perf show them.

#ifndef DARKROOM_CORE_THREAD_H_
#define DARKROOM_CORE_THREAD_H_

#include <cstdint>
#include <string_view>

namespace darkroom {

// Names the calling thread. The kernel keeps 15 bytes; of a longer name the beginning is kept.
void SetThreadName(std::string_view name);

// The calling thread's, never 0.
uint32_t ThreadId();

}  // namespace darkroom

#endif  // DARKROOM_CORE_THREAD_H_
