// SPDX-License-Identifier: Apache-2.0
//
// Which system calls a sandboxed process may make, by seccomp: all but those that start processes,
// reach others, make sockets, change the system or whose user is checked by nothing else here.
// Those fail with EPERM, which libraries take better than death. A call by another architecture's
// numbers (32 bits, x32) ends the process: nothing does that by accident.
//
// A free function without state. It binds the calling thread and those that it starts later, for
// good, and needs PR_SET_NO_NEW_PRIVS to be set.

#ifndef DARKROOM_WORKER_CALL_FILTER_H_
#define DARKROOM_WORKER_CALL_FILTER_H_

#include <string>
#include <vector>

#include "core/status.h"

namespace darkroom {

// With `local_sockets` AF_UNIX sockets may be made and connected. A kernel without seccomp is no
// error, and is told in `missing`.
Status FilterSystemCalls(bool local_sockets, std::vector<std::string>* missing);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_CALL_FILTER_H_
