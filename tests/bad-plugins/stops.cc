// SPDX-License-Identifier: Apache-2.0
//
// Stops its process. Whoever continues it gets an answer.

#include <csignal>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  if (std::raise(SIGSTOP) != 0) return DR_INTERNAL;
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
