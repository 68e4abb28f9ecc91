// SPDX-License-Identifier: Apache-2.0
//
// Never returns, and asks nobody whether the job is still wanted.

#include <unistd.h>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t*, const dr_job_t*) {
  for (;;) pause();
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
