// SPDX-License-Identifier: Apache-2.0
//
// Finishes its job twice, first well and then badly.

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  host->finish(host, job, bad::Echo(host, job));
  host->finish(host, job, DR_INTERNAL);
  return bad::kLeaveOpen;
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
