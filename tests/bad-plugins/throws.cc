// SPDX-License-Identifier: Apache-2.0
//
// Throws an exception out of infer, over the boundary that none may cross.

#include <stdexcept>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t*, const dr_job_t*) { throw std::runtime_error("out of ideas"); }

}  // namespace

BAD_PLUGIN(.bad = Bad)
