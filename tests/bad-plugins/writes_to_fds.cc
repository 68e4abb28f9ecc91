// SPDX-License-Identifier: Apache-2.0
//
// Writes garbage to descriptors that are not its own, 3 to 63.

#include <unistd.h>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  const std::string garbage(64, '\xff');
  for (int fd = 3; fd < 64; ++fd) {
    if (write(fd, garbage.data(), garbage.size()) < 0) continue;
  }
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
