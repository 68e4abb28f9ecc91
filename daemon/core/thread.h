// SPDX-License-Identifier: Apache-2.0
//
// Names for threads, as ps, gdb and perf show them.

#ifndef DARKROOM_CORE_THREAD_H_
#define DARKROOM_CORE_THREAD_H_

#include <string_view>

namespace darkroom {

// Names the calling thread. The kernel keeps 15 bytes; of a longer name the beginning is kept.
void SetThreadName(std::string_view name);

}  // namespace darkroom

#endif  // DARKROOM_CORE_THREAD_H_
