// SPDX-License-Identifier: Apache-2.0
//
// Closes descriptors that are not its own, 3 to 255.

#include <unistd.h>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  for (int fd = 3; fd < 256; ++fd) close(fd);
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
