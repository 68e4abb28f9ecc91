// SPDX-License-Identifier: Apache-2.0
//
// Whose job a message is, by the rule that the configuration gives.
//
// Pure; any thread.

#ifndef DARKROOM_QUEUE_TENANT_NAME_H_
#define DARKROOM_QUEUE_TENANT_NAME_H_

#include <string>

#include "config/config.h"
#include "message/message.h"

namespace darkroom {

// Empty: nobody's in particular. At most 64 bytes; what comes from a header is not trusted with
// more.
std::string TenantName(const TenantRule& rule, const Message& message);

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_TENANT_NAME_H_
