// SPDX-License-Identifier: Apache-2.0
//
// Calls itself until the stack is full.

#include "bad_plugin.h"

namespace {

// Volatile, so that the compiler believes that it ends, and makes no loop of it.
volatile bool deeper = true;

int Descend(int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  if (deeper) return Descend(depth + 1) + room[0];
  return depth;
}

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  if (Descend(0) == 0) return DR_INTERNAL;
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
