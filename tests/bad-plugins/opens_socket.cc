// SPDX-License-Identifier: Apache-2.0
//
// Connects to the port of 127.0.0.1 that the input names, `bad 4222`. Answers `connected`, or with
// what is said against it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "bad_plugin.h"

namespace {

std::string Connect(const std::string& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port.c_str())));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(fd);
  return result == 0 ? "connected" : std::strerror(error);
}

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  return bad::Answer(host, job, Connect(bad::ArgumentOf(job)));
}

}  // namespace

BAD_PLUGIN(.bad = Bad, .takes_argument = true)
