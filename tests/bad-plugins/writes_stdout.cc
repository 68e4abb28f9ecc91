// SPDX-License-Identifier: Apache-2.0
//
// Writes lines to standard output and to standard error.

#include <cstdio>
#include <iostream>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  std::printf("a line on standard output\n");
  std::fflush(stdout);
  std::cerr << "a line on standard error\n";
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
