// SPDX-License-Identifier: Apache-2.0

#include "cli/diagnose.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace darkroom {
namespace {

constexpr int kWaitMs = 2'000;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// 0 where the connection is made, else errno.
int TryConnect(const addrinfo& address) {
  const int type = address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int descriptor = socket(address.ai_family, type, address.ai_protocol);
  if (descriptor < 0) return errno;
  int error = 0;
  if (connect(descriptor, address.ai_addr, address.ai_addrlen) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd wait{descriptor, POLLOUT, 0};
    socklen_t size = sizeof error;
    error = ETIMEDOUT;
    if (poll(&wait, 1, kWaitMs) == 1) getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  close(descriptor);
  return error;
}

}  // namespace

std::optional<HostPort> ParseHostPort(std::string_view url) {
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
  }
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  url = url.substr(0, url.find('/'));
  HostPort result{"", "4222"};
  if (url.starts_with('[')) {
    const size_t end = url.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    result.host = url.substr(1, end - 1);
    url.remove_prefix(end + 1);
  } else {
    const size_t colon = std::min(url.find(':'), url.size());
    result.host = url.substr(0, colon);
    url.remove_prefix(colon);
  }
  if (url.starts_with(':')) {
    result.port = url.substr(1);
  } else if (!url.empty()) {
    return std::nullopt;
  }
  const bool digits = !result.port.empty() && result.port.size() <= 5 &&
                      std::all_of(result.port.begin(), result.port.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (result.host.empty() || !digits || result.host.find(' ') != std::string::npos) {
    return std::nullopt;
  }
  return result;
}

std::string WhyUnreachable(std::string_view url) {
  const std::optional<HostPort> target = ParseHostPort(url);
  if (!target) return "that is no URL of a NATS server";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int found = getaddrinfo(target->host.c_str(), target->port.c_str(), &hints, &raw);
  if (found != 0) return fmt::format("the host '{}': {}", target->host, gai_strerror(found));
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(raw);
  int error = 0;
  for (const addrinfo* address = raw; address != nullptr; address = address->ai_next) {
    error = TryConnect(*address);
    if (error == 0) return {};
  }
  std::string reason = std::generic_category().message(error);
  std::transform(reason.begin(), reason.begin() + 1, reason.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return reason;
}

}  // namespace darkroom
