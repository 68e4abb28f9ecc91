// SPDX-License-Identifier: Apache-2.0
//
// How much of the host's memory a process holds at this moment (its resident set: proc(5), statm).
//
// Reads a file that the kernel makes; any thread.

#ifndef DARKROOM_CORE_PROCESS_MEMORY_H_
#define DARKROOM_CORE_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace darkroom {

// In bytes; nothing: there is no such process.
std::optional<uint64_t> ResidentBytes(pid_t pid);

}  // namespace darkroom

#endif  // DARKROOM_CORE_PROCESS_MEMORY_H_
