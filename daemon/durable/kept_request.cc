// SPDX-License-Identifier: Apache-2.0

#include "durable/kept_request.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace darkroom {

void KeptRequest::Seal(uint64_t, Envelope* envelope) {
  for (const auto& [name, value] : request_.Headers()) {
    // What was for the server was for the stream that it came from.
    if (name.starts_with("Nats-")) continue;
    const bool replaced = std::any_of(more_.begin(), more_.end(),
                                      [&](const auto& header) { return header.first == name; });
    if (!replaced) envelope->Header(name.c_str(), value);
  }
  for (const auto& [name, value] : more_) envelope->Header(name.c_str(), value);
  auto owner = std::make_unique<Message>(std::move(request_));
  const Bytes body = owner->delivered();
  // Nobody writes to it: a Buffer's bytes are writable for those that are filled.
  auto* data = const_cast<std::byte*>(body.data());
  Message* const raw = owner.release();
  envelope->Body(Buffer::Adopt(data, body.size(), raw,
                               [](void* message) { delete static_cast<Message*>(message); }));
}

}  // namespace darkroom
