// SPDX-License-Identifier: Apache-2.0
//
// Opens 16 descriptors and closes none.

#include <fcntl.h>

#include <cerrno>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  for (int i = 0; i < 16; ++i) {
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) {
      return bad::Answer(host, job, std::strerror(errno));
    }
  }
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
