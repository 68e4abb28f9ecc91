// SPDX-License-Identifier: Apache-2.0
//
// Logs 100,000 lines.

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  for (int line = 0; line < 100'000; ++line) {
    const std::string text = "line " + std::to_string(line);
    host->log(host, DR_LOG_INFO, text.c_str());
  }
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
