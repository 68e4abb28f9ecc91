// SPDX-License-Identifier: Apache-2.0
//
// Claim checks: a body that is too large for a message lies in the server's object store, and the
// message says where, in the header Darkroom-Object (docs/protocol.md).
//
// One thread; the client's.

#ifndef DARKROOM_CLI_CLAIM_CHECK_H_
#define DARKROOM_CLI_CLAIM_CHECK_H_

#include <optional>
#include <string>
#include <string_view>

#include "cli/jet_stream.h"
#include "cli/request.h"

namespace darkroom {

inline constexpr const char* kObjectHeader = "Darkroom-Object";

struct ObjectReference {
  std::string bucket;
  std::string name;
};

// "nats-object://bucket/name".
std::optional<ObjectReference> ParseReference(std::string_view text);
std::string ReferenceTo(const ObjectReference& object);

// The largest body that a message should have itself: of a durable job, which is stored, and of a
// request, which only has to fit.
size_t LargestJobBody(size_t max_payload);
size_t LargestRequestBody(size_t max_payload);

// Puts a body of more than `largest` bytes into the bucket, and the reference into its place.
std::optional<Failure> StowBody(JetStream* streams, const std::string& bucket, size_t largest,
                                Outgoing* message);

// Gets the body of a message that has only the reference to it.
std::optional<Failure> FetchBody(JetStream* streams, Incoming* message);

}  // namespace darkroom

#endif  // DARKROOM_CLI_CLAIM_CHECK_H_
