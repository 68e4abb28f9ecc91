// SPDX-License-Identifier: Apache-2.0
//
// Reads a request's body into inputs and params: raw bytes, JSON or CBOR (docs/protocol.md,
// "Request bodies"). Pure but for what it fills in.

#ifndef DARKROOM_MESSAGE_BODY_H_
#define DARKROOM_MESSAGE_BODY_H_

#include "message/request.h"

namespace darkroom {

// Reads request->message's data into request->inputs and request->params.
Status ReadBody(const RequestRules& rules, Request* request);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_BODY_H_
