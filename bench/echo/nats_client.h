// SPDX-License-Identifier: Apache-2.0
//
// What every load over NATS needs of NATS.c: owners for its handles, a connection, and what a reply
// says of itself. Free functions without state; any thread.

#ifndef DARKROOM_BENCH_ECHO_NATS_CLIENT_H_
#define DARKROOM_BENCH_ECHO_NATS_CLIENT_H_

#include <nats/nats.h>

#include <memory>
#include <string>

#include "core/status.h"
#include "echo/slot.h"

namespace darkroom {

struct NatsDeleter {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};
using NatsMessage = std::unique_ptr<natsMsg, NatsDeleter>;
using NatsConnection = std::unique_ptr<natsConnection, NatsDeleter>;
using NatsSubscription = std::unique_ptr<natsSubscription, NatsDeleter>;

// More than the bytes in flight of any load: a message that NATS.c dropped at the subscriber would
// look like the responder's fault.
inline constexpr int kPendingBytes = 1 << 30;

Status FromNats(natsStatus status, const std::string& what);

// A lost connection is an error, not a pause: it is told to `on_error`, as is whatever else goes
// wrong, and not made again.
Result<NatsConnection> ConnectNats(const std::string& url, const char* name,
                                   natsErrHandler on_error, void* closure);

// The name of a new inbox, with a dot at its end: subjects of replies begin with it.
Result<std::string> MakeInbox();

// What a reply says of its failure. kNone: it carries a result.
ReplyError ErrorOf(natsMsg* message, std::string* detail);

}  // namespace darkroom

#endif  // DARKROOM_BENCH_ECHO_NATS_CLIENT_H_
