// SPDX-License-Identifier: Apache-2.0

#include "cli/diagnose.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace darkroom {
namespace {

TEST(ParseHostPort, UnderstandsTheFormsOfAUrl) {
  const auto expect = [](const char* url, const char* host, const char* port) {
    const auto parsed = ParseHostPort(url);
    ASSERT_TRUE(parsed.has_value()) << url;
    EXPECT_EQ(parsed->host, host) << url;
    EXPECT_EQ(parsed->port, port) << url;
  };
  expect("nats://127.0.0.1:4223", "127.0.0.1", "4223");
  expect("host", "host", "4222");
  expect("tls://me:p@ss@host:1/", "host", "1");
  expect("nats://[::1]:4222", "::1", "4222");
}

TEST(ParseHostPort, RefusesWhatIsNone) {
  for (const char* url : {"", "nats://", "x y://", "host:port", "[::1", "a:1:2"}) {
    EXPECT_FALSE(ParseHostPort(url).has_value()) << url;
  }
}

TEST(WhyUnreachable, TellsARefusalFromASocketThatListens) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(listener, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, generic, size), 0);
  ASSERT_EQ(getsockname(listener, generic, &size), 0);
  const std::string url = "nats://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  // Bound, so that nobody else takes the port, but not listening: a connection is refused.
  EXPECT_EQ(WhyUnreachable(url), "connection refused");
  ASSERT_EQ(listen(listener, 1), 0);
  EXPECT_EQ(WhyUnreachable(url), "");
  close(listener);
}

TEST(WhyUnreachable, SaysThatAUrlIsNone) {
  EXPECT_EQ(WhyUnreachable("x y://"), "that is no URL of a NATS server");
}

}  // namespace
}  // namespace darkroom
