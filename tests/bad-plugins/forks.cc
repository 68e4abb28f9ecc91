// SPDX-License-Identifier: Apache-2.0
//
// Forks. The child stays for a minute, with everything that was open. Answers with the child's
// number, or with what is said against it.

#include <unistd.h>

#include <cerrno>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  const pid_t child = fork();
  if (child == 0) {
    sleep(60);
    _exit(0);
  }
  if (child < 0) return bad::Answer(host, job, std::strerror(errno));
  return bad::Answer(host, job, "forked " + std::to_string(child));
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
