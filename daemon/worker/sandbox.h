// SPDX-License-Identifier: Apache-2.0
//
// The sandbox of a process that runs code and reads bytes of strangers: plugins and image decoders.
// Once in it, the process can read what it is named and the system's libraries, and cannot write a
// file, open a socket, start a process, signal or look into another one, or take more memory than
// it is given. There is no way out; what was opened before stays open, so whatever the process is
// to write to (the daemon's channel, shared memory, a pipe for its log) it must hold already.
//
// A free function, called once, on the only thread of the process: the kernel's filters are a
// thread's, and go to those that it starts later.
//
//   limits        RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE; capabilities, when run by root
//   file_rules.h  which files: Landlock
//   call_filter.h which system calls: seccomp

#ifndef DARKROOM_WORKER_SANDBOX_H_
#define DARKROOM_WORKER_SANDBOX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace darkroom {

// Paths are absolute. One that does not exist, or that the process's user may not reach, is left
// out; one that is a link counts as what it points to now. A file that is replaced later by another
// of its name cannot be read: name its folder if that is to be possible.
struct SandboxRules {
  // Files and folders beyond the system's own. They may be read, and mapped for execution.
  std::vector<std::string> readable{};
  // Device nodes and folders that may also be written, such as /dev/nvidia0. In a folder files can
  // be made and removed; RLIMIT_FSIZE leaves them empty.
  std::vector<std::string> writable{};
  uint64_t memory = 0;         // RLIMIT_DATA in bytes: heap and private memory; 0: as inherited
  bool local_sockets = false;  // AF_UNIX sockets may be made: CUDA's helpers use them
  // Files in memory (memfd) may be filled, up to `memory`, for code that comes as data. To the
  // limits they are files like others, which are then Landlock's matter alone.
  bool memory_files = false;
};

// What of it this kernel could not do, a sentence each, for the log.
struct SandboxReport {
  std::vector<std::string> missing;
};

// An error is a rule that makes no sense, or a step that should have worked: the process may then
// be half in the sandbox, and must end.
Result<SandboxReport> EnterSandbox(const SandboxRules& rules);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_SANDBOX_H_
