// SPDX-License-Identifier: Apache-2.0
//
// Why a NATS server cannot be connected to. NATS.c says "no server available" whatever the reason;
// this tries the first URL's host and port once more by itself and tells what the system says.
//
// Blocks up to two seconds. Any thread.

#ifndef DARKROOM_CLI_DIAGNOSE_H_
#define DARKROOM_CLI_DIAGNOSE_H_

#include <optional>
#include <string>
#include <string_view>

namespace darkroom {

struct HostPort {
  std::string host;
  std::string port;
};

// "nats://user@[::1]:4222" -> {"::1", "4222"}; the port is 4222 where none is given. Nothing where
// it is no URL.
std::optional<HostPort> ParseHostPort(std::string_view url);

// "connection refused", "the name is not known", ...; "" where the host answers, so that the reason
// lies elsewhere.
std::string WhyUnreachable(std::string_view url);

}  // namespace darkroom

#endif  // DARKROOM_CLI_DIAGNOSE_H_
