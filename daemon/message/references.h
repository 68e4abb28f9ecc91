// SPDX-License-Identifier: Apache-2.0
//
// Messages may refer to objects instead of holding them: the whole body by the header
// Darkroom-Object, inputs of a JSON or CBOR body by {"ref": "nats-object://bucket/name"}
// (docs/protocol.md, "Large bodies").

#ifndef DARKROOM_MESSAGE_REFERENCES_H_
#define DARKROOM_MESSAGE_REFERENCES_H_

#include <cstdint>

#include "core/status.h"
#include "message/message.h"

typedef struct __natsConnection natsConnection;

namespace darkroom {

// Whether the message's body may hold references. Quick; any thread.
bool MayHaveReferences(const Message& message);

// Gives the message what it refers to, `most` bytes in all. Blocks, as object_calls.h says. A body
// that cannot be read is left for whoever reads it to say so.
Status FetchReferences(natsConnection* nats, uint64_t most, Message* message);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_REFERENCES_H_
