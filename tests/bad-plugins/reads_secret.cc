// SPDX-License-Identifier: Apache-2.0
//
// Reads the file that the input names, `read /etc/shadow`. Answers with its first 64 KiB, or with
// what is said against it.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "bad_plugin.h"

namespace {

std::string Read(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::strerror(errno);
  std::string text(65536, '\0');
  const ssize_t got = read(fd, text.data(), text.size());
  const int error = errno;
  close(fd);
  if (got < 0) return std::strerror(error);
  text.resize(static_cast<size_t>(got));
  return text;
}

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  return bad::Answer(host, job, Read(bad::ArgumentOf(job)));
}

}  // namespace

BAD_PLUGIN(.bad = Bad, .word = "read", .takes_argument = true)
