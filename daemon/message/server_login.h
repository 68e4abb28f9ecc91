// SPDX-License-Identifier: Apache-2.0
//
// ServerLogin tells NATS.c how to log in at a server and whom to take for it, as the configuration
// says (NatsLogin). What is secret stays in its file as far as can be: JWTs, seeds and tokens are
// read anew for each connection, so that they may be replaced while the daemon works; a password,
// a certificate and its key are read once.
//
// Apply once, on one thread. NATS.c then calls it on threads of its own, for as long as there is
// the connection: it must outlive that.

#ifndef DARKROOM_MESSAGE_SERVER_LOGIN_H_
#define DARKROOM_MESSAGE_SERVER_LOGIN_H_

#include <string>

#include "config/config.h"
#include "core/status.h"

typedef struct __natsOptions natsOptions;

namespace darkroom {

class ServerLogin {
 public:
  explicit ServerLogin(NatsLogin login) : login_(std::move(login)) {}
  ServerLogin(const ServerLogin&) = delete;
  ServerLogin& operator=(const ServerLogin&) = delete;

  // An error is kInvalidArgument: it names the place in the configuration, and what is wrong with
  // the file that it leads to.
  Status Apply(natsOptions* options);

 private:
  Status ApplyUser(natsOptions* options);
  Status ApplyTls(natsOptions* options) const;
  static const char* OnToken(void* self);

  const NatsLogin login_;
  std::string token_;  // of the connection that is being made
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_SERVER_LOGIN_H_
