// SPDX-License-Identifier: Apache-2.0
//
// Objects are bodies too large for a message, kept in JetStream's object store (ADR-20). What is
// stored here is named by its SHA-256, so that a name tells what it holds, and the same bytes are
// stored once.
//
// These calls block until the server has answered, each for half a minute at most without a sign of
// it: never on the io_context's thread. Any thread; several may use one connection.

#ifndef DARKROOM_MESSAGE_OBJECT_CALLS_H_
#define DARKROOM_MESSAGE_OBJECT_CALLS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/buffer.h"
#include "core/status.h"

typedef struct __natsConnection natsConnection;

namespace darkroom {

// "nats-object://bucket/name"
struct ObjectUrl {
  std::string bucket;
  std::string name;

  static Result<ObjectUrl> Parse(std::string_view text);
  std::string Text() const;
};

// The header of a message whose body is an object: its URL.
inline constexpr const char* kObjectHeader = "Darkroom-Object";

// Stores bytes in a bucket that is there, unless they are and will be for half of `keep`, and
// returns where they are. kBusy: the server did not answer.
Result<ObjectUrl> PutObject(natsConnection* nats, const std::string& bucket, Bytes bytes,
                            std::chrono::milliseconds keep);

// The same under a name of the caller's, instead of what it holds. Whoever reads that meanwhile may
// lose its pieces under way, and is told kBusy.
Status ReplaceObject(natsConnection* nats, const ObjectUrl& url, Bytes bytes);

// kNotFound: it is not there.
Status RemoveObject(natsConnection* nats, const ObjectUrl& url);

// kNotFound, kTooLarge (more than `most` bytes), kBusy, or kInvalidArgument: what is there is not
// what its name or its digest says.
Result<Buffer> GetObject(natsConnection* nats, const ObjectUrl& url, uint64_t most);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_OBJECT_CALLS_H_
