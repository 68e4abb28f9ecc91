// SPDX-License-Identifier: Apache-2.0
//
// Asks for an output of 1 TiB, and ends its job as that call does.

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  dr_tensor_t out{};
  return bad::Output(host, job, int64_t{1} << 40, &out);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
