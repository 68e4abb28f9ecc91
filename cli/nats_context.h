// SPDX-License-Identifier: Apache-2.0
//
// Contexts of the `nats` tool: named servers with what is needed to be let in there, one JSON file
// each in $XDG_CONFIG_HOME/nats/context (~/.config/nats/context). Who has told that tool where the
// servers are need not tell this one.
//
// Reads files; any thread.

#ifndef DARKROOM_CLI_NATS_CONTEXT_H_
#define DARKROOM_CLI_NATS_CONTEXT_H_

#include <string>

#include "cli/client.h"
#include "core/status.h"

namespace darkroom {

// How to connect by the context. One that needs what this command cannot do (nsc, a proxy, an nkey,
// a JetStream domain) is refused, and says which.
Result<ConnectOptions> ReadNatsContext(const std::string& name);

// The one that `nats context select` chose; "" if none was.
std::string SelectedNatsContext();

}  // namespace darkroom

#endif  // DARKROOM_CLI_NATS_CONTEXT_H_
