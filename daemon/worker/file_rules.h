// SPDX-License-Identifier: Apache-2.0
//
// Which files a sandboxed process may open, by Landlock: the system's libraries and what is named,
// for reading; a few devices for writing; all else not at all. Where the kernel can, TCP, other
// processes' abstract sockets and signals to them are refused, too.
//
// A free function without state. It binds the calling thread and those that it starts later, for
// good, and needs PR_SET_NO_NEW_PRIVS to be set.

#ifndef DARKROOM_WORKER_FILE_RULES_H_
#define DARKROOM_WORKER_FILE_RULES_H_

#include <string>
#include <vector>

#include "core/status.h"

namespace darkroom {

// Paths as SandboxRules has them. A kernel without Landlock, or with an old one, is no error: what
// it cannot do goes to `missing`, a sentence each.
Status RestrictFiles(const std::vector<std::string>& readable,
                     const std::vector<std::string>& writable, std::vector<std::string>* missing);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_FILE_RULES_H_
