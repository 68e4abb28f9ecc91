// SPDX-License-Identifier: Apache-2.0
//
// Fills its own file, which is mapped and being run, with garbage. Answers with what is said
// against that, or with its input if nothing is.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&Bad), &self) == 0) return DR_INTERNAL;
  const int fd = open(self.dli_fname, O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (fd < 0) return bad::Answer(host, job, std::strerror(errno));
  const std::string garbage(65536, '#');
  const ssize_t wrote = write(fd, garbage.data(), garbage.size());
  const int error = errno;
  close(fd);
  if (wrote < 0) return bad::Answer(host, job, std::strerror(error));
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
