// SPDX-License-Identifier: Apache-2.0
//
// Works for 60 seconds without asking whether the job is still wanted, and then does it well.

#include <chrono>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
  }
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
