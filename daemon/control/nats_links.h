// SPDX-License-Identifier: Apache-2.0
//
// NatsLinks is the daemon's connections to the NATS server as whoever watches it is told of them:
// a server may end one and keep the other.
//
// A view; what it shows must outlive it. Any thread.

#ifndef DARKROOM_CONTROL_NATS_LINKS_H_
#define DARKROOM_CONTROL_NATS_LINKS_H_

#include <cstdint>

#include "message/connection.h"

namespace darkroom {

struct NatsLinks {
  const Connection& requests;
  const Connection& replies;

  bool connected() const { return requests.connected() && replies.connected(); }
  uint64_t reconnects() const { return requests.reconnects() + replies.reconnects(); }
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_NATS_LINKS_H_
