// SPDX-License-Identifier: Apache-2.0
//
// Writes to address 0.

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  // Twice volatile: or else the compiler, which sees what this is, puts something else in its
  // place.
  volatile int* volatile nowhere = nullptr;
  host->log(host, DR_LOG_WARNING, "about to crash");
  *nowhere = 1;
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
