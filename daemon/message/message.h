// SPDX-License-Identifier: Apache-2.0
//
// Message is what NATS delivered: a subject, headers, a payload and perhaps a subject for the
// reply. It owns NATS.c's message, so that the payload is never copied on its way to a plugin.
//
// Move-only; any one thread at a time. Views stay valid as long as the Message.

#ifndef DARKROOM_MESSAGE_MESSAGE_H_
#define DARKROOM_MESSAGE_MESSAGE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/buffer.h"

typedef struct __natsMsg natsMsg;

namespace darkroom {

class Message {
 public:
  Message() = default;
  explicit Message(natsMsg* message) : message_(message) {}  // takes ownership
  Message(Message&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  Message& operator=(Message&& other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~Message();

  std::string_view subject() const;
  std::string_view reply() const;  // empty: nobody waits
  Bytes data() const;

  // The first value of a header; names are case-sensitive, as NATS has them (ADR-4).
  std::optional<std::string_view> Header(const char* name) const;
  // All of them, each with its first value.
  std::vector<std::pair<std::string, std::string>> Headers() const;

 private:
  natsMsg* message_ = nullptr;
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_MESSAGE_H_
