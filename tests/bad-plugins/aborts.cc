// SPDX-License-Identifier: Apache-2.0
//
// Aborts.

#include <cstdlib>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t*, const dr_job_t*) { std::abort(); }

}  // namespace

BAD_PLUGIN(.bad = Bad)
