// SPDX-License-Identifier: Apache-2.0
//
// Message is what NATS delivered: a subject, headers, a payload and perhaps a subject for the
// reply. It owns NATS.c's message, so that the payload is never copied on its way to a plugin; and
// what the message only referred to, once that was fetched (object_store.h).
//
// Move-only; any one thread at a time. Views stay valid as long as the Message.

#ifndef DARKROOM_MESSAGE_MESSAGE_H_
#define DARKROOM_MESSAGE_MESSAGE_H_

#include <cstdint>
#include <map>
#include <memory>
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
  Message(Message&& other) noexcept
      : message_(std::exchange(other.message_, nullptr)), fetched_(std::move(other.fetched_)) {}
  Message& operator=(Message&& other) noexcept {
    std::swap(message_, other.message_);
    std::swap(fetched_, other.fetched_);
    return *this;
  }
  ~Message();

  explicit operator bool() const { return message_ != nullptr; }

  std::string_view subject() const;
  std::string_view reply() const;  // empty: nobody waits
  Bytes data() const;              // the body: its own, or the one that was fetched for it
  Bytes delivered() const;         // its own
  // Of all that it owns.
  uint64_t bytes() const;

  void SetBody(Buffer body);
  void Attach(std::string url, Buffer object);
  // What was fetched from there, or nothing.
  std::optional<Bytes> Attachment(const std::string& url) const;

  // The first value of a header; names are case-sensitive, as NATS has them (ADR-4).
  std::optional<std::string_view> Header(const char* name) const;
  // All of them, each with its first value.
  std::vector<std::pair<std::string, std::string>> Headers() const;

 private:
  struct Fetched {
    std::optional<Buffer> body;
    std::map<std::string, Buffer> objects;  // by URL
  };

  natsMsg* message_ = nullptr;
  std::unique_ptr<Fetched> fetched_;  // nullptr: nothing was
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_MESSAGE_H_
