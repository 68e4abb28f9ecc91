// SPDX-License-Identifier: Apache-2.0
//
// CrashNote is where a worker that crashes leaves word of the thread that did it, so that the jobs
// of its other threads are not taken for the cause. It lies at the beginning of the arena. What
// leaves no word (a stack that overflowed, SIGKILL) leaves 0, and every job that ran is suspected.
//
// The daemon reads it when the process has ended, and relies on nothing that it says.

#ifndef DARKROOM_WORKER_CRASH_NOTE_H_
#define DARKROOM_WORKER_CRASH_NOTE_H_

#include <atomic>
#include <cstdint>

namespace darkroom {

struct CrashNote {
  std::atomic<uint32_t> thread{0};  // as gettid() says; the first to crash
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

// Has this process leave word there of fatal signals and of exit(). Once; the note outlives all
// threads. Whatever was to happen at such a signal happens after.
void LeaveCrashesIn(CrashNote* note);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_CRASH_NOTE_H_
