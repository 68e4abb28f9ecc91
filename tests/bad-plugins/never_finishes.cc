// SPDX-License-Identifier: Apache-2.0
//
// Leaves its job open and its output out; infer returns DR_OK.

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t*, const dr_job_t*) { return bad::kLeaveOpen; }

}  // namespace

BAD_PLUGIN(.bad = Bad)
